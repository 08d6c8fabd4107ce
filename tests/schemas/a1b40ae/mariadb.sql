-- plain: apt_xvqv6f267gdb_MlXx2l1rTD8OXYqtyo4mgxClYC3tvy3L4MJrGo
-- tmy: apt_emm43pvgbcsx_zxet2OidjJZlJ53h6tbC85vLae33wNbs15w1sX
-- revoked: apt_gzpv6kcvbf77_hsqMhqTN1OiJfKcbHJt5hHwPjx84Py2416TPOL
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
  KEY `ix_apitokens_call_account` (`account_id`,`at`,`id`),
  KEY `ix_apitokens_call_token` (`token_id`,`at`,`id`),
  KEY `ix_apitokens_call_at` (`at`),
  KEY `ix_apitokens_call_service` (`account_id`,`service`,`at`,`id`),
  KEY `ix_apitokens_call_result` (`account_id`,`result`,`at`,`id`),
  KEY `ix_apitokens_call_owner` (`owner_key`,`at`,`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_call` VALUES (1,'2026-11-30 19:07:27.613287','','','xvqv6f267gdb','Deploy','1','GET','/api/plain','/api/plain',200,0,NULL,38,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO `apitokens_call` VALUES (2,'2026-11-30 19:07:27.689834','','tmy','emm43pvgbcsx','Weather','1','GET','/api/tmy','/api/tmy',200,0,NULL,5,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO `apitokens_call` VALUES (3,'2026-11-30 19:07:27.726407','','','gzpv6kcvbf77','Old laptop','1','GET','/api/plain','/api/plain',401,1,'token_revoked',4,'127.0.0.1','Werkzeug/3.1.9');
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
  KEY `ix_apitokens_call_hour_owner` (`account_id`,`owner_key`,`hour`),
  KEY `ix_apitokens_call_hour` (`hour`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_call_hour` VALUES ('','','','2026-11-30 19:00:00.000000','',1,1,0);
INSERT INTO `apitokens_call_hour` VALUES ('','','gzpv6kcvbf77','2026-11-30 19:00:00.000000','1',0,1,0);
INSERT INTO `apitokens_call_hour` VALUES ('','','xvqv6f267gdb','2026-11-30 19:00:00.000000','1',1,0,0);
INSERT INTO `apitokens_call_hour` VALUES ('','tmy','','2026-11-30 19:00:00.000000','',1,0,0);
INSERT INTO `apitokens_call_hour` VALUES ('','tmy','emm43pvgbcsx','2026-11-30 19:00:00.000000','1',1,0,0);
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
  UNIQUE KEY `form_key` (`form_key`),
  KEY `ix_apitokens_event_account` (`account_id`,`id`),
  KEY `ix_apitokens_event_token` (`token_id`,`id`)
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_event` VALUES (1,'2026-11-30 19:07:27.298675','generated','','xvqv6f267gdb','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": []}',NULL);
INSERT INTO `apitokens_event` VALUES (2,'2026-11-30 19:07:27.335200','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO `apitokens_event` VALUES (3,'2026-11-30 19:07:27.417574','generated','','emm43pvgbcsx','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": [\"read\"]}',NULL);
INSERT INTO `apitokens_event` VALUES (4,'2026-11-30 19:07:27.457532','generated','','gzpv6kcvbf77','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": []}',NULL);
INSERT INTO `apitokens_event` VALUES (5,'2026-11-30 19:07:27.533291','revoked','','gzpv6kcvbf77','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{}',NULL);
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
  KEY `ix_apitokens_subscription` (`service`,`active`,`user_id`),
  KEY `ix_apitokens_subscription_request` (`requested_at`,`decided_at`),
  CONSTRAINT `apitokens_subscription_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_subscription` VALUES (1,1,'tmy',1,'2026-11-30 19:07:27.335113','system',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
  `live_name` binary(32) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_token_owner` (`owner_id`,`created_at`,`id`),
  UNIQUE KEY `live_name` (`live_name`),
  KEY `ix_apitokens_token_use` (`account_id`,`last_used_at`),
  KEY `ix_apitokens_token_expiry` (`account_id`,`expires_at`),
  KEY `ix_apitokens_token_service` (`account_id`,`service`,`userless`,`created_at`,`id`),
  KEY `ix_apitokens_token_account` (`account_id`,`created_at`,`id`),
  CONSTRAINT `apitokens_token_ibfk_1` FOREIGN KEY (`owner_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_token` VALUES (1,'emm43pvgbcsx','api','Weather','native',0x6AB708B749868A4FA9B7CF253F12DDC1,'$2b$04$L3eZOxgzYPQqHfVxW4XXdOmv0c6ifohg23YSNzsN1YkuIr9sgv1LS','',0,'tmy','read','2026-11-30 19:07:27.389375','system','2026-11-30 19:07:27.389375',NULL,NULL,NULL,NULL,'2026-11-30 19:07:27.689834','127.0.0.1',0x6CDCB8CFF50AC3D7D980A0CECDDD949258EB23117F12CECC69B8E06847676E1A);
INSERT INTO `apitokens_token` VALUES (1,'gzpv6kcvbf77','api','Old laptop','native',0x42FE05DFA37EACCE713F7513DB45BEE6,'$2b$04$DLNClQquPGBIGqQU6n4TeerevOi2feeC3cOqjS5Ieo3/5tJ9U6zd2','',0,NULL,'','2026-11-30 19:07:27.430597','system','2026-11-30 19:07:27.430597',NULL,'2026-11-30 19:07:27.512809',NULL,NULL,NULL,NULL,NULL);
INSERT INTO `apitokens_token` VALUES (1,'xvqv6f267gdb','api','Deploy','native',0x21EA2204B2467A7506DA1AE5BA8C72CE,'$2b$04$lpd2pf1toZ5HlhUNH5F6euTj2wwr8ZexG7.Qo9GORdI4vX0esDVsi','',0,NULL,'','2026-11-30 19:07:27.185853','system','2026-11-30 19:07:27.185853',NULL,NULL,NULL,NULL,'2026-11-30 19:07:27.613287','127.0.0.1',0x2161D8A50777A60CF4A97C7C02552481A97355510058088DEFAACADC634D2A98);
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
