-- plain: apt_dsd89451sx27_Whhp59aHDYfRpF682kH9aXHpIaoPnnI10UF7Gc
-- tmy: apt_7xxegjg7k9kt_HhjoT7xc0WZEHOzK4rmC836UZATAl4hA0fur95
-- revoked: apt_qwc4jrm3xzpa_Ccd5kYDcLD2p6NZ3eNdP3wloUhWAxF1u3IASAI
CREATE TABLE apitokens_event (
    id INTEGER NOT NULL,
    at DATETIME NOT NULL,
    action VARCHAR(32) NOT NULL,
    account_id VARCHAR(64) NOT NULL,
    token_id VARCHAR(12),
    token_name VARCHAR(80),
    service VARCHAR(64),
    subject_id VARCHAR(255),
    subject_label VARCHAR(255),
    actor_id VARCHAR(255),
    actor_label VARCHAR(255) NOT NULL,
    ip VARCHAR(45),
    detail JSON NOT NULL,
    form_key BLOB,
    PRIMARY KEY (id),
    UNIQUE (form_key)
);
INSERT INTO "apitokens_event" VALUES(1,'2026-11-30 19:06:09.528187','generated','','dsd89451sx27','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO "apitokens_event" VALUES(2,'2026-11-30 19:06:09.560211','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO "apitokens_event" VALUES(3,'2026-11-30 19:06:09.666374','generated','','7xxegjg7k9kt','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": ["read"]}',NULL);
INSERT INTO "apitokens_event" VALUES(4,'2026-11-30 19:06:09.685607','generated','','qwc4jrm3xzpa','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO "apitokens_event" VALUES(5,'2026-11-30 19:06:09.731041','revoked','','qwc4jrm3xzpa','Old laptop',NULL,'1',NULL,NULL,'system',NULL,'{}',NULL);
CREATE TABLE apitokens_service_setting (
    id INTEGER NOT NULL,
    account_id VARCHAR(64) NOT NULL,
    service VARCHAR(64) NOT NULL,
    active BOOLEAN NOT NULL,
    changed_at DATETIME NOT NULL,
    changed_by VARCHAR(255) NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT uq_apitokens_setting UNIQUE (account_id, service)
);
CREATE TABLE apitokens_subscription (
    user_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    service VARCHAR(64) NOT NULL,
    active BOOLEAN NOT NULL,
    changed_at DATETIME NOT NULL,
    changed_by VARCHAR(255) NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT uq_apitokens_subscription UNIQUE (user_id, service),
    FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO "apitokens_subscription" VALUES(1,1,'tmy',1,'2026-11-30 19:06:09.560140','system');
CREATE TABLE apitokens_token (
    owner_id INTEGER,
    id VARCHAR(12) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(80) NOT NULL,
    scheme VARCHAR(16) NOT NULL,
    check_digest BLOB NOT NULL,
    secret_hash VARCHAR(100) NOT NULL,
    account_id VARCHAR(64) NOT NULL,
    userless BOOLEAN NOT NULL,
    service VARCHAR(64),
    scopes TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    created_by VARCHAR(255) NOT NULL,
    shown_at DATETIME,
    expires_at DATETIME,
    revoked_at DATETIME,
    deactivated_at DATETIME,
    last_used_at DATETIME,
    last_used_ip VARCHAR(45),
    live_name BLOB,
    PRIMARY KEY (id),
    FOREIGN KEY(owner_id) REFERENCES user (id) ON DELETE CASCADE,
    UNIQUE (live_name)
);
INSERT INTO "apitokens_token" VALUES(1,'dsd89451sx27','api','Deploy','native',X'AEC05B688F512D3C8AC170CA2D69CB66','$2b$04$zFtpL2zJTgpuqWethNTOceMG/XnH0zPIys9Sa3jTV66uy/Bin0Dxy','',0,NULL,'','2026-11-30 19:06:09.437893','system','2026-11-30 19:06:09.437893',NULL,NULL,NULL,'2026-11-30 19:06:09.822366','127.0.0.1',X'2161D8A50777A60CF4A97C7C02552481A97355510058088DEFAACADC634D2A98');
INSERT INTO "apitokens_token" VALUES(1,'7xxegjg7k9kt','api','Weather','native',X'6648C4805610D68829B8095C5A29CFB8','$2b$04$4NCDi.kOC3kAxZuZRtIfCeKqBqp2Bg9vZnbOWe37wderZP5d.d9BO','',0,'tmy','read','2026-11-30 19:06:09.639053','system','2026-11-30 19:06:09.639053',NULL,NULL,NULL,'2026-11-30 19:06:09.884292','127.0.0.1',X'6CDCB8CFF50AC3D7D980A0CECDDD949258EB23117F12CECC69B8E06847676E1A');
INSERT INTO "apitokens_token" VALUES(1,'qwc4jrm3xzpa','api','Old laptop','native',X'B010CABD256127F5F6A0A57CB8F3FFEB','$2b$04$T5VapzQYxKzy.NzNZx98F.7PMZiEksbBbwiY4GyM.BRoxnUAjiQCK','',0,NULL,'','2026-11-30 19:06:09.667807','system','2026-11-30 19:06:09.667807',NULL,'2026-11-30 19:06:09.730970',NULL,NULL,NULL,NULL);
CREATE TABLE user (
    id INTEGER NOT NULL,
    email VARCHAR(254) NOT NULL,
    is_active BOOLEAN NOT NULL,
    name VARCHAR(80),
    account VARCHAR(80),
    is_admin BOOLEAN NOT NULL,
    may_use_api BOOLEAN NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (email)
);
INSERT INTO "user" VALUES(1,'ada@example.com',1,NULL,NULL,0,1);
CREATE INDEX ix_apitokens_event_token ON apitokens_event (token_id, id);
CREATE INDEX ix_apitokens_token_owner ON apitokens_token (owner_id, created_at, id);
