-- plain: apt_f8zyns298xtw_bSKdFshJQzA3sQ361MGfzEstAdxxKIKY28Sl1g
-- tmy: apt_5qj9pv4d3m8x_7xTmfwlEQ2wGxDzDGsFsDXaPBcra9xiE3QSvqo
-- revoked: apt_03jqsfv9fg0p_2jrq732uRw8dXwDw9Fmg8Ny4MdytRlCD13iZwf
-- imported: kq7ZtP2mWx9RvB4n
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
INSERT INTO "apitokens_call" VALUES(1,'2026-11-30 19:07:40.607914','','','f8zyns298xtw','Deploy','1','GET','/api/plain','/api/plain',200,0,NULL,28,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO "apitokens_call" VALUES(2,'2026-11-30 19:07:40.740795','','tmy','5qj9pv4d3m8x','Weather','1','GET','/api/tmy','/api/tmy',200,0,NULL,10,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO "apitokens_call" VALUES(3,'2026-11-30 19:07:40.790208','','','03jqsfv9fg0p','Old laptop','1','GET','/api/plain','/api/plain',401,1,'token_revoked',2,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO "apitokens_call" VALUES(4,'2026-11-30 19:07:40.878440','','','wtrtrq9ev1f7','From the old system','1','GET','/api/plain','/api/plain',200,0,NULL,37,'127.0.0.1','Werkzeug/3.1.9');
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
INSERT INTO "apitokens_call_hour" VALUES('','','f8zyns298xtw','2026-11-30 19:00:00.000000','1',1,0,0);
INSERT INTO "apitokens_call_hour" VALUES('','','','2026-11-30 19:00:00.000000','',2,1,0);
INSERT INTO "apitokens_call_hour" VALUES('','tmy','5qj9pv4d3m8x','2026-11-30 19:00:00.000000','1',1,0,0);
INSERT INTO "apitokens_call_hour" VALUES('','tmy','','2026-11-30 19:00:00.000000','',1,0,0);
INSERT INTO "apitokens_call_hour" VALUES('','','03jqsfv9fg0p','2026-11-30 19:00:00.000000','1',0,1,0);
INSERT INTO "apitokens_call_hour" VALUES('','','wtrtrq9ev1f7','2026-11-30 19:00:00.000000','1',1,0,0);
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
INSERT INTO "apitokens_event" VALUES(1,'2026-11-30 19:07:40.093783','generated','','f8zyns298xtw','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO "apitokens_event" VALUES(2,'2026-11-30 19:07:40.122841','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO "apitokens_event" VALUES(3,'2026-11-30 19:07:40.207043','generated','','5qj9pv4d3m8x','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": ["read"]}',NULL);
INSERT INTO "apitokens_event" VALUES(4,'2026-11-30 19:07:40.221573','generated','','03jqsfv9fg0p','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO "apitokens_event" VALUES(5,'2026-11-30 19:07:40.295753','revoked','','03jqsfv9fg0p','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO "apitokens_event" VALUES(6,'2026-11-30 19:07:40.472085','imported','','wtrtrq9ev1f7','From the old system',NULL,'1','ada@example.com',NULL,'system',NULL,'{"strength": "strong", "form": "plain"}',NULL);
CREATE TABLE apitokens_import (
    token_id VARCHAR(12),
    id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    source BLOB,
    pepper VARCHAR(16) NOT NULL,
    strength VARCHAR(8) NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT uq_apitokens_import_token UNIQUE (token_id),
    FOREIGN KEY(token_id) REFERENCES apitokens_token (id) ON DELETE SET NULL,
    UNIQUE (digest),
    UNIQUE (source)
);
INSERT INTO "apitokens_import" VALUES('wtrtrq9ev1f7',1,X'8605E7A26315AEC36983DCCA1FB0630D010570798C6879ED6962FF42022E69E6',NULL,'2026','strong');
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
INSERT INTO "apitokens_subscription" VALUES(1,1,'tmy',1,'2026-11-30 19:07:40.122744','system',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
    networks TEXT,
    email_digest BLOB,
    live_name BLOB,
    successor_id VARCHAR(12),
    predecessor_id VARCHAR(12),
    noticed_days INTEGER,
    late_use_at DATETIME,
    PRIMARY KEY (id),
    CONSTRAINT uq_apitokens_token_owner UNIQUE (owner_id, created_at, id),
    FOREIGN KEY(owner_id) REFERENCES user (id) ON DELETE CASCADE,
    UNIQUE (live_name),
    UNIQUE (predecessor_id)
);
INSERT INTO "apitokens_token" VALUES(1,'f8zyns298xtw','api','Deploy','native',X'36B56E327C5C134AAFD3BE303E5750B9','$2b$04$TJucwbQm4UaRRjJmiTMFW.KL2fA2LQ5PHEAR6mmbLtJECx1DK1FwK','',0,NULL,'','2026-11-30 19:07:40.033801','system','2026-11-30 19:07:40.033801',NULL,NULL,NULL,NULL,'2026-11-30 19:07:40.607914','127.0.0.1',NULL,NULL,X'2161D8A50777A60CF4A97C7C02552481A97355510058088DEFAACADC634D2A98',NULL,NULL,NULL,NULL);
INSERT INTO "apitokens_token" VALUES(1,'5qj9pv4d3m8x','api','Weather','native',X'3D3EBE1481450457453E1BB70303AA0A','$2b$04$Xd5eR6awwfke2zk7MRv68OvLc3go5DOR6Ctg1mGliZDtW5bER8JPi','',0,'tmy','read','2026-11-30 19:07:40.184710','system','2026-11-30 19:07:40.184710',NULL,NULL,NULL,NULL,'2026-11-30 19:07:40.740795','127.0.0.1',NULL,NULL,X'6CDCB8CFF50AC3D7D980A0CECDDD949258EB23117F12CECC69B8E06847676E1A',NULL,NULL,NULL,NULL);
INSERT INTO "apitokens_token" VALUES(1,'03jqsfv9fg0p','api','Old laptop','native',X'CC079385A06558903DFC5023C9087596','$2b$04$2qwZSrRG5tWT3RjPKlRx4ubcQbhMVTc5G4P8GG/SlDZX6WFq9VtBG','',0,NULL,'','2026-11-30 19:07:40.213685','system','2026-11-30 19:07:40.213685',NULL,'2026-11-30 19:07:40.282865',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "apitokens_token" VALUES(1,'wtrtrq9ev1f7','api','From the old system','imported',X'8605E7A26315AEC36983DCCA1FB0630D','$2b$04$oZwGQ1QE3xSUvaaBIg1m7epEzBpWPmFlOCSSVoBXa8DmzqLybPKHW','',0,NULL,'','2026-11-30 19:07:40.462392','system',NULL,NULL,NULL,NULL,NULL,'2026-11-30 19:07:40.878440','127.0.0.1',NULL,NULL,X'FF407F134F979FBBF9368146C543B4373490CC8FC01814E9107D6E259208AEB8',NULL,NULL,NULL,NULL);
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
CREATE INDEX ix_apitokens_call_account ON apitokens_call (account_id, at, id);
CREATE INDEX ix_apitokens_call_result ON apitokens_call (account_id, result, at, id, token_id);
CREATE INDEX ix_apitokens_call_owner ON apitokens_call (owner_key, at, id);
CREATE INDEX ix_apitokens_call_token ON apitokens_call (token_id, at, id);
CREATE INDEX ix_apitokens_call_at ON apitokens_call (at);
CREATE INDEX ix_apitokens_call_service ON apitokens_call (account_id, service, at, id);
CREATE INDEX ix_apitokens_call_hour_token ON apitokens_call_hour (account_id, token_id, hour);
CREATE INDEX ix_apitokens_call_hour ON apitokens_call_hour (hour);
CREATE INDEX ix_apitokens_call_hour_owner ON apitokens_call_hour (account_id, owner_key, hour);
CREATE INDEX ix_apitokens_token_service ON apitokens_token (account_id, service, userless, created_at, id);
CREATE INDEX ix_apitokens_token_use ON apitokens_token (account_id, last_used_at);
CREATE INDEX ix_apitokens_token_account ON apitokens_token (account_id, created_at, id);
CREATE INDEX ix_apitokens_token_expiry ON apitokens_token (account_id, expires_at);
CREATE INDEX ix_apitokens_subscription_request ON apitokens_subscription (requested_at, decided_at);
CREATE INDEX ix_apitokens_subscription ON apitokens_subscription (service, active, user_id);
