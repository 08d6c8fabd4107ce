-- plain: apt_b3yw29ej3k97_r6dypDGlxxbStqanAtQhk8ocLEhrdP4m2thBQh
-- tmy: apt_js4q35pmyyj4_7QFyfbzM7vL9s1XOck6yoaSPZHweeMQG4BY89T
-- revoked: apt_908ztra9cbrp_YKOPljnUaHPP1C1x2lfp0vmnnP6GpzDo4by8Ln
-- imported: kq7ZtP2mWx9RvB4n
SET FOREIGN_KEY_CHECKS = 0;
CREATE TABLE `apitokens_call` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at` datetime(6) NOT NULL,
  `account_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `service` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `token_id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `token_name` varchar(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `owner_key` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `method` varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `rule` varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `path` varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `status` smallint(6) NOT NULL,
  `result` smallint(6) NOT NULL,
  `code` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `duration` int(11) NOT NULL,
  `ip` varchar(45) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `user_agent` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_apitokens_call_result` (`account_id`,`result`,`at`,`id`,`token_id`),
  KEY `ix_apitokens_call_owner` (`owner_key`,`at`,`id`),
  KEY `ix_apitokens_call_service` (`account_id`,`service`,`at`,`id`),
  KEY `ix_apitokens_call_account` (`account_id`,`at`,`id`),
  KEY `ix_apitokens_call_token` (`token_id`,`at`,`id`),
  KEY `ix_apitokens_call_at` (`at`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_call` VALUES (1,'2026-11-30 22:42:49.788820','','','b3yw29ej3k97','Deploy','1','GET','/api/plain','/api/plain',200,0,NULL,3,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO `apitokens_call` VALUES (2,'2026-11-30 22:42:49.793847','','tmy','js4q35pmyyj4','Weather','1','GET','/api/tmy','/api/tmy',200,0,NULL,2,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO `apitokens_call` VALUES (3,'2026-11-30 22:42:49.795535','','','908ztra9cbrp','Old laptop','1','GET','/api/plain','/api/plain',401,1,'token_revoked',2,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO `apitokens_call` VALUES (4,'2026-11-30 22:42:49.805602','','','emfw3p98jm2p','From the old system','1','GET','/api/plain','/api/plain',200,0,NULL,8,'127.0.0.1','Werkzeug/3.1.9');
CREATE TABLE `apitokens_call_hour` (
  `account_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `service` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `token_id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `hour` datetime(6) NOT NULL,
  `owner_key` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `succeeded` bigint(20) NOT NULL,
  `rejected` bigint(20) NOT NULL,
  `failed` bigint(20) NOT NULL,
  PRIMARY KEY (`account_id`,`service`,`token_id`,`hour`),
  KEY `ix_apitokens_call_hour_token` (`account_id`,`token_id`,`hour`),
  KEY `ix_apitokens_call_hour` (`hour`),
  KEY `ix_apitokens_call_hour_owner` (`account_id`,`owner_key`,`hour`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_call_hour` VALUES ('','','','2026-11-30 22:00:00.000000','',2,1,0);
INSERT INTO `apitokens_call_hour` VALUES ('','','908ztra9cbrp','2026-11-30 22:00:00.000000','1',0,1,0);
INSERT INTO `apitokens_call_hour` VALUES ('','','b3yw29ej3k97','2026-11-30 22:00:00.000000','1',1,0,0);
INSERT INTO `apitokens_call_hour` VALUES ('','','emfw3p98jm2p','2026-11-30 22:00:00.000000','1',1,0,0);
INSERT INTO `apitokens_call_hour` VALUES ('','tmy','','2026-11-30 22:00:00.000000','',1,0,0);
INSERT INTO `apitokens_call_hour` VALUES ('','tmy','js4q35pmyyj4','2026-11-30 22:00:00.000000','1',1,0,0);
CREATE TABLE `apitokens_event` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at` datetime(6) NOT NULL,
  `action` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `account_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `token_id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `token_name` varchar(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `service` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `subject_id` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `subject_label` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `actor_id` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `actor_label` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `ip` varchar(45) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `detail` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL CHECK (json_valid(`detail`)),
  `form_key` binary(32) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_event_form_key` (`form_key`),
  KEY `ix_apitokens_event_token` (`token_id`,`id`),
  KEY `ix_apitokens_event_account` (`account_id`,`id`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_event` VALUES (1,'2026-11-30 22:42:49.746576','generated','','b3yw29ej3k97','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": []}',NULL);
INSERT INTO `apitokens_event` VALUES (2,'2026-11-30 22:42:49.758123','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO `apitokens_event` VALUES (3,'2026-11-30 22:42:49.763676','generated','','js4q35pmyyj4','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": [\"read\"]}',NULL);
INSERT INTO `apitokens_event` VALUES (4,'2026-11-30 22:42:49.768132','generated','','908ztra9cbrp','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": []}',NULL);
INSERT INTO `apitokens_event` VALUES (5,'2026-11-30 22:42:49.773565','revoked','','908ztra9cbrp','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO `apitokens_event` VALUES (6,'2026-11-30 22:42:49.779960','imported','','emfw3p98jm2p','From the old system',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"strength\": \"strong\", \"form\": \"plain\"}',NULL);
CREATE TABLE `apitokens_import` (
  `token_id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `digest` binary(32) NOT NULL,
  `source` binary(32) DEFAULT NULL,
  `pepper` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `strength` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_import_digest` (`digest`),
  UNIQUE KEY `uq_apitokens_import_source` (`source`),
  UNIQUE KEY `uq_apitokens_import_token` (`token_id`),
  CONSTRAINT `fk_apitokens_import_token_id` FOREIGN KEY (`token_id`) REFERENCES `apitokens_token` (`id`) ON DELETE SET NULL
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_import` VALUES ('emfw3p98jm2p',1,0x8605E7A26315AEC36983DCCA1FB0630D010570798C6879ED6962FF42022E69E6,NULL,'2026','strong');
CREATE TABLE `apitokens_service_setting` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `account_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `service` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `active` tinyint(1) NOT NULL,
  `changed_at` datetime(6) NOT NULL,
  `changed_by` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_setting` (`account_id`,`service`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `apitokens_subscription` (
  `user_id` int(11) NOT NULL,
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `service` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `active` tinyint(1) DEFAULT NULL,
  `changed_at` datetime(6) DEFAULT NULL,
  `changed_by` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `requested_at` datetime(6) DEFAULT NULL,
  `request_account` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `request_reason` varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `decided_at` datetime(6) DEFAULT NULL,
  `decided_by` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `decision` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `decision_reason` varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_subscription` (`user_id`,`service`),
  KEY `ix_apitokens_subscription_request` (`requested_at`,`decided_at`),
  KEY `ix_apitokens_subscription` (`service`,`active`,`user_id`),
  CONSTRAINT `fk_apitokens_subscription_user_id` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_subscription` VALUES (1,1,'tmy',1,'2026-11-30 22:42:49.758114','system',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE `apitokens_token` (
  `owner_id` int(11) DEFAULT NULL,
  `id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `name` varchar(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `scheme` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `check_digest` binary(16) NOT NULL,
  `secret_hash` varchar(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `account_id` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `userless` tinyint(1) NOT NULL,
  `service` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `scopes` text NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `created_by` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `shown_at` datetime(6) DEFAULT NULL,
  `expires_at` datetime(6) DEFAULT NULL,
  `revoked_at` datetime(6) DEFAULT NULL,
  `deactivated_at` datetime(6) DEFAULT NULL,
  `deactivated_reason` varchar(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `last_used_at` datetime(6) DEFAULT NULL,
  `last_used_ip` varchar(45) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `networks` text DEFAULT NULL,
  `email_digest` binary(16) DEFAULT NULL,
  `live_name` binary(32) DEFAULT NULL,
  `successor_id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `predecessor_id` varchar(12) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `noticed_days` int(11) DEFAULT NULL,
  `late_use_at` datetime(6) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_token_owner` (`owner_id`,`created_at`,`id`),
  UNIQUE KEY `uq_apitokens_token_live_name` (`live_name`),
  UNIQUE KEY `uq_apitokens_token_predecessor_id` (`predecessor_id`),
  KEY `ix_apitokens_token_expiry` (`account_id`,`expires_at`),
  KEY `ix_apitokens_token_use` (`account_id`,`last_used_at`),
  KEY `ix_apitokens_token_service` (`account_id`,`service`,`userless`,`created_at`,`id`),
  KEY `ix_apitokens_token_owner` (`owner_id`,`created_at`,`id`),
  KEY `ix_apitokens_token_account` (`account_id`,`created_at`,`id`),
  CONSTRAINT `fk_apitokens_token_owner_id` FOREIGN KEY (`owner_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_token` VALUES (1,'908ztra9cbrp','api','Old laptop','native',0xB282102664AA611244B242793D3A93CB,'$2b$04$IDpGml8eIl7.n6g0vTmyRuEt5VIAMDW54Vh5w6NYAU4t7/CzbRV32','',0,NULL,'','2026-11-30 22:42:49.765978','system','2026-11-30 22:42:49.765978',NULL,'2026-11-30 22:42:49.772299',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO `apitokens_token` VALUES (1,'b3yw29ej3k97','api','Deploy','native',0x8DD86909FDC87827E1AD1407504F0ACA,'$2b$04$smmKPiipsNoGqjoKLJpKUOxQ7TNzPQH8bVX1cA6/3l8FTyLkqJQBS','',0,NULL,'','2026-11-30 22:42:49.742176','system','2026-11-30 22:42:49.742176',NULL,NULL,NULL,NULL,'2026-11-30 22:42:49.788820','127.0.0.1',NULL,NULL,0x2161D8A50777A60CF4A97C7C02552481A97355510058088DEFAACADC634D2A98,NULL,NULL,NULL,NULL);
INSERT INTO `apitokens_token` VALUES (1,'emfw3p98jm2p','api','From the old system','imported',0x8605E7A26315AEC36983DCCA1FB0630D,'$2b$04$DSfEj1NGqBiWpLEj6oi1U.WnhNTwclxm/apguPPlBph9pJJCPtoTK','',0,NULL,'','2026-11-30 22:42:49.779321','system',NULL,NULL,NULL,NULL,NULL,'2026-11-30 22:42:49.805602','127.0.0.1',NULL,NULL,0xFF407F134F979FBBF9368146C543B4373490CC8FC01814E9107D6E259208AEB8,NULL,NULL,NULL,NULL);
INSERT INTO `apitokens_token` VALUES (1,'js4q35pmyyj4','api','Weather','native',0xD6D57CF2B483288B0C64887F0AAB2139,'$2b$04$VexMD.dXu9GvJb2OioTCpeP2Jy0WeRGbkkwedUHbBWaBHspQ0cLc.','',0,'tmy','read','2026-11-30 22:42:49.761427','system','2026-11-30 22:42:49.761427',NULL,NULL,NULL,NULL,'2026-11-30 22:42:49.793847','127.0.0.1',NULL,NULL,0x6CDCB8CFF50AC3D7D980A0CECDDD949258EB23117F12CECC69B8E06847676E1A,NULL,NULL,NULL,NULL);
CREATE TABLE `user` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `email` varchar(254) NOT NULL,
  `is_active` tinyint(1) NOT NULL,
  `name` varchar(80) DEFAULT NULL,
  `account` varchar(80) DEFAULT NULL,
  `is_admin` tinyint(1) NOT NULL,
  `may_use_api` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `email` (`email`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `user` VALUES (1,'ada@example.com',1,NULL,NULL,0,1);
