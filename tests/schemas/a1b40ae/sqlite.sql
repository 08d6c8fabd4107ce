-- plain: apt_5k8vtvzm4p98_7rdEYpNZnIEMvuRa8qEUcLPadHRHXp8k2FOzIr
-- tmy: apt_1vq1ackr3r3f_bBOL24125uqYxuXQ5P7SvA6dmHCGxE9b0k0mo0
-- revoked: apt_833wq25r7s38_Q8WhdIB3f9O2AtEZ40Z5PnXvFNpooPI44LGYwF
CREATE TABLE apitokens_call (
    id INTEGER NOT NULL,
    at DATETIME NOT NULL,
    account_id VARCHAR(64) NOT NULL,
    service VARCHAR(64) NOT NULL,
    token_id VARCHAR(12) NOT NULL,
    token_name VARCHAR(80) NOT NULL,
    owner_key VARCHAR(255) NOT NULL,
    method VARCHAR(16) NOT NULL,
    rule VARCHAR(500) NOT NULL,
    path VARCHAR(500) NOT NULL,
    status SMALLINT NOT NULL,
    result SMALLINT NOT NULL,
    code VARCHAR(32),
    duration INTEGER NOT NULL,
    ip VARCHAR(45),
    user_agent VARCHAR(255),
    PRIMARY KEY (id)
);
INSERT INTO "apitokens_call" VALUES(1,'2026-11-30 19:06:59.075074','','','5k8vtvzm4p98','Deploy','1','GET','/api/plain','/api/plain',200,0,NULL,31,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO "apitokens_call" VALUES(2,'2026-11-30 19:06:59.178743','','tmy','1vq1ackr3r3f','Weather','1','GET','/api/tmy','/api/tmy',200,0,NULL,11,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO "apitokens_call" VALUES(3,'2026-11-30 19:06:59.214581','','','833wq25r7s38','Old laptop','1','GET','/api/plain','/api/plain',401,1,'token_revoked',1,'127.0.0.1','Werkzeug/3.1.9');
CREATE TABLE apitokens_call_hour (
    account_id VARCHAR(64) NOT NULL,
    service VARCHAR(64) NOT NULL,
    token_id VARCHAR(12) NOT NULL,
    hour DATETIME NOT NULL,
    owner_key VARCHAR(255) NOT NULL,
    succeeded BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (account_id, service, token_id, hour)
);
INSERT INTO "apitokens_call_hour" VALUES('','','5k8vtvzm4p98','2026-11-30 19:00:00.000000','1',1,0,0);
INSERT INTO "apitokens_call_hour" VALUES('','','','2026-11-30 19:00:00.000000','',1,1,0);
INSERT INTO "apitokens_call_hour" VALUES('','tmy','1vq1ackr3r3f','2026-11-30 19:00:00.000000','1',1,0,0);
INSERT INTO "apitokens_call_hour" VALUES('','tmy','','2026-11-30 19:00:00.000000','',1,0,0);
INSERT INTO "apitokens_call_hour" VALUES('','','833wq25r7s38','2026-11-30 19:00:00.000000','1',0,1,0);
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
INSERT INTO "apitokens_event" VALUES(1,'2026-11-30 19:06:58.786777','generated','','5k8vtvzm4p98','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO "apitokens_event" VALUES(2,'2026-11-30 19:06:58.811008','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO "apitokens_event" VALUES(3,'2026-11-30 19:06:58.894729','generated','','1vq1ackr3r3f','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": ["read"]}',NULL);
INSERT INTO "apitokens_event" VALUES(4,'2026-11-30 19:06:58.909534','generated','','833wq25r7s38','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO "apitokens_event" VALUES(5,'2026-11-30 19:06:58.985640','revoked','','833wq25r7s38','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{}',NULL);
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
    active BOOLEAN,
    changed_at DATETIME,
    changed_by VARCHAR(255),
    requested_at DATETIME,
    request_account VARCHAR(64),
    request_reason VARCHAR(500),
    decided_at DATETIME,
    decided_by VARCHAR(255),
    decision VARCHAR(16),
    decision_reason VARCHAR(500),
    PRIMARY KEY (id),
    CONSTRAINT uq_apitokens_subscription UNIQUE (user_id, service),
    FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO "apitokens_subscription" VALUES(1,1,'tmy',1,'2026-11-30 19:06:58.810924','system',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
    deactivated_reason VARCHAR(500),
    last_used_at DATETIME,
    last_used_ip VARCHAR(45),
    live_name BLOB,
    PRIMARY KEY (id),
    CONSTRAINT uq_apitokens_token_owner UNIQUE (owner_id, created_at, id),
    FOREIGN KEY(owner_id) REFERENCES user (id) ON DELETE CASCADE,
    UNIQUE (live_name)
);
INSERT INTO "apitokens_token" VALUES(1,'5k8vtvzm4p98','api','Deploy','native',X'EB008304DACD4547E0E7BDE462D226C8','$2b$04$VVMlLURCrXgobVHQnz9NXuOFyhiLk7yLQN.bq59RM0Bo3xYgEwu8y','',0,NULL,'','2026-11-30 19:06:58.730579','system','2026-11-30 19:06:58.730579',NULL,NULL,NULL,NULL,'2026-11-30 19:06:59.075074','127.0.0.1',X'2161D8A50777A60CF4A97C7C02552481A97355510058088DEFAACADC634D2A98');
INSERT INTO "apitokens_token" VALUES(1,'1vq1ackr3r3f','api','Weather','native',X'8B5DD86DE19CF1FD3C94C68A1214D0C9','$2b$04$Du4YQo49erZqmrOxMvrLcO5.abf.DwC7ZvxmnPLhJp4b2wX6QDXTa','',0,'tmy','read','2026-11-30 19:06:58.864270','system','2026-11-30 19:06:58.864270',NULL,NULL,NULL,NULL,'2026-11-30 19:06:59.178743','127.0.0.1',X'6CDCB8CFF50AC3D7D980A0CECDDD949258EB23117F12CECC69B8E06847676E1A');
INSERT INTO "apitokens_token" VALUES(1,'833wq25r7s38','api','Old laptop','native',X'4C8AC3F15A75D3F851158C61ADCCB761','$2b$04$OKupN5MLSkpVThjcxlnEHOXjmBM6cMQKT19lCCrysiAyUR9w/LtU2','',0,NULL,'','2026-11-30 19:06:58.900669','system','2026-11-30 19:06:58.900669',NULL,'2026-11-30 19:06:58.973685',NULL,NULL,NULL,NULL,NULL);
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
CREATE INDEX ix_apitokens_event_account ON apitokens_event (account_id, id);
CREATE INDEX ix_apitokens_call_at ON apitokens_call (at);
CREATE INDEX ix_apitokens_call_token ON apitokens_call (token_id, at, id);
CREATE INDEX ix_apitokens_call_service ON apitokens_call (account_id, service, at, id);
CREATE INDEX ix_apitokens_call_account ON apitokens_call (account_id, at, id);
CREATE INDEX ix_apitokens_call_owner ON apitokens_call (owner_key, at, id);
CREATE INDEX ix_apitokens_call_result ON apitokens_call (account_id, result, at, id);
CREATE INDEX ix_apitokens_call_hour ON apitokens_call_hour (hour);
CREATE INDEX ix_apitokens_call_hour_owner ON apitokens_call_hour (account_id, owner_key, hour);
CREATE INDEX ix_apitokens_call_hour_token ON apitokens_call_hour (account_id, token_id, hour);
CREATE INDEX ix_apitokens_token_expiry ON apitokens_token (account_id, expires_at);
CREATE INDEX ix_apitokens_token_account ON apitokens_token (account_id, created_at, id);
CREATE INDEX ix_apitokens_token_use ON apitokens_token (account_id, last_used_at);
CREATE INDEX ix_apitokens_token_service ON apitokens_token (account_id, service, userless, created_at, id);
CREATE INDEX ix_apitokens_subscription ON apitokens_subscription (service, active, user_id);
CREATE INDEX ix_apitokens_subscription_request ON apitokens_subscription (requested_at, decided_at);
