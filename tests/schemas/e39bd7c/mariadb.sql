-- plain: apt_7exaaxfrqe7n_m2opU9r4T5G4E8Pg39nkVR85DmpIoWgd06CblL
-- tmy: apt_gqth05g7sztt_P5ul0s7zxWZYKTcI1Cr3OEN6gqWVjiVL35XY3I
-- revoked: apt_tjwz0jk6dssr_9JJKQ2dht4wEPilYYCXVZJAXbWssGUjd1ZgZ6Z
SET FOREIGN_KEY_CHECKS = 0;
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
  KEY `ix_apitokens_event_token` (`token_id`,`id`)
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_event` VALUES (1,'2026-11-30 19:06:44.753735','generated','','7exaaxfrqe7n','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": []}',NULL);
INSERT INTO `apitokens_event` VALUES (2,'2026-11-30 19:06:44.786695','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO `apitokens_event` VALUES (3,'2026-11-30 19:06:44.873323','generated','','gqth05g7sztt','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": [\"read\"]}',NULL);
INSERT INTO `apitokens_event` VALUES (4,'2026-11-30 19:06:44.893069','generated','','tjwz0jk6dssr','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{\"kind\": \"api\", \"scopes\": []}',NULL);
INSERT INTO `apitokens_event` VALUES (5,'2026-11-30 19:06:44.931530','revoked','','tjwz0jk6dssr','Old laptop',NULL,'1',NULL,NULL,'system',NULL,'{}',NULL);
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
  `active` tinyint(1) NOT NULL,
  `changed_at` datetime(6) NOT NULL,
  `changed_by` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_apitokens_subscription` (`user_id`,`service`),
  CONSTRAINT `apitokens_subscription_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_subscription` VALUES (1,1,'tmy',1,'2026-11-30 19:06:44.786608','system');
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
  `last_used_at` datetime(6) DEFAULT NULL,
  `last_used_ip` varchar(45) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `live_name` binary(32) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `live_name` (`live_name`),
  KEY `ix_apitokens_token_owner` (`owner_id`,`created_at`,`id`),
  CONSTRAINT `apitokens_token_ibfk_1` FOREIGN KEY (`owner_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `apitokens_token` VALUES (1,'7exaaxfrqe7n','api','Deploy','native',0x9FF6890B3B294A79C81874345065D933,'$2b$04$1S.WBe0yZx9/qHEJZAt99upKfTu6LuECW/St8wNXid3QjCftKbq0C','',0,NULL,'','2026-11-30 19:06:44.676950','system','2026-11-30 19:06:44.676950',NULL,NULL,NULL,'2026-11-30 19:06:45.001874','127.0.0.1',0x2161D8A50777A60CF4A97C7C02552481A97355510058088DEFAACADC634D2A98);
INSERT INTO `apitokens_token` VALUES (1,'gqth05g7sztt','api','Weather','native',0x6B1E1F70DEB64D97A2B9D81BD25B1829,'$2b$04$nt1fVmFHGSfSgsGaRy3JbOQMezG6LbFfQrowhpjBMmFBIpMGpgX1y','',0,'tmy','read','2026-11-30 19:06:44.849534','system','2026-11-30 19:06:44.849534',NULL,NULL,NULL,'2026-11-30 19:06:45.064968','127.0.0.1',0x6CDCB8CFF50AC3D7D980A0CECDDD949258EB23117F12CECC69B8E06847676E1A);
INSERT INTO `apitokens_token` VALUES (1,'tjwz0jk6dssr','api','Old laptop','native',0xD8301F3FB5D66C00AAC2E9D7F4339FC5,'$2b$04$oVTYG7/Ok9tCjcUaxhgn2O2QVFDgqFsKbnInEGbPv/yoJeNDc2586','',0,NULL,'','2026-11-30 19:06:44.881106','system','2026-11-30 19:06:44.881106',NULL,'2026-11-30 19:06:44.931440',NULL,NULL,NULL,NULL);
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
