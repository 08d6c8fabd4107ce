-- plain: apt_2f6jz3g1arba_fPt9oAYM4gy7TAIqS3G9ZLONbf7Va5A83j7ed8
-- tmy: apt_0ywr06ywmhxf_WCuPlKqJya05XDjWwzsGz81zklgDlIJe1Ma4CQ
-- revoked: apt_64sjhkt374z0_2tm6M9vWeLVpnqxD7pAKsKNAUxy5WITx1vQzyw
-- imported: kq7ZtP2mWx9RvB4n
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
INSERT INTO user VALUES(1,'ada@example.com',1,NULL,NULL,0,1);
CREATE TABLE apitokens_service_setting (
    id INTEGER NOT NULL, 
    account_id VARCHAR(64) NOT NULL, 
    service VARCHAR(64) NOT NULL, 
    active BOOLEAN NOT NULL, 
    changed_at DATETIME NOT NULL, 
    changed_by VARCHAR(255) NOT NULL, 
    CONSTRAINT pk_apitokens_service_setting PRIMARY KEY (id), 
    CONSTRAINT uq_apitokens_setting UNIQUE (account_id, service)
);
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
    CONSTRAINT pk_apitokens_event PRIMARY KEY (id), 
    CONSTRAINT uq_apitokens_event_form_key UNIQUE (form_key)
);
INSERT INTO apitokens_event VALUES(1,'2026-11-30 22:42:49.104028','generated','','2f6jz3g1arba','Deploy',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO apitokens_event VALUES(2,'2026-11-30 22:42:49.112886','subscription-activated','',NULL,NULL,'tmy','1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO apitokens_event VALUES(3,'2026-11-30 22:42:49.117515','generated','','0ywr06ywmhxf','Weather','tmy','1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": ["read"]}',NULL);
INSERT INTO apitokens_event VALUES(4,'2026-11-30 22:42:49.120488','generated','','64sjhkt374z0','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{"kind": "api", "scopes": []}',NULL);
INSERT INTO apitokens_event VALUES(5,'2026-11-30 22:42:49.124099','revoked','','64sjhkt374z0','Old laptop',NULL,'1','ada@example.com',NULL,'system',NULL,'{}',NULL);
INSERT INTO apitokens_event VALUES(6,'2026-11-30 22:42:49.135060','imported','','83qk47r95yk1','From the old system',NULL,'1','ada@example.com',NULL,'system',NULL,'{"strength": "strong", "form": "plain"}',NULL);
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
    CONSTRAINT pk_apitokens_call PRIMARY KEY (id)
);
INSERT INTO apitokens_call VALUES(1,'2026-11-30 22:42:49.143666','','','2f6jz3g1arba','Deploy','1','GET','/api/plain','/api/plain',200,0,NULL,3,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO apitokens_call VALUES(2,'2026-11-30 22:42:49.147320','','tmy','0ywr06ywmhxf','Weather','1','GET','/api/tmy','/api/tmy',200,0,NULL,1,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO apitokens_call VALUES(3,'2026-11-30 22:42:49.148640','','','64sjhkt374z0','Old laptop','1','GET','/api/plain','/api/plain',401,1,'token_revoked',1,'127.0.0.1','Werkzeug/3.1.9');
INSERT INTO apitokens_call VALUES(4,'2026-11-30 22:42:49.153901','','','83qk47r95yk1','From the old system','1','GET','/api/plain','/api/plain',200,0,NULL,5,'127.0.0.1','Werkzeug/3.1.9');
CREATE TABLE apitokens_call_hour (
    account_id VARCHAR(64) NOT NULL, 
    service VARCHAR(64) NOT NULL, 
    token_id VARCHAR(12) NOT NULL, 
    hour DATETIME NOT NULL, 
    owner_key VARCHAR(255) NOT NULL, 
    succeeded BIGINT NOT NULL, 
    rejected BIGINT NOT NULL, 
    failed BIGINT NOT NULL, 
    CONSTRAINT pk_apitokens_call_hour PRIMARY KEY (account_id, service, token_id, hour)
);
INSERT INTO apitokens_call_hour VALUES('','','2f6jz3g1arba','2026-11-30 22:00:00.000000','1',1,0,0);
INSERT INTO apitokens_call_hour VALUES('','','64sjhkt374z0','2026-11-30 22:00:00.000000','1',0,1,0);
INSERT INTO apitokens_call_hour VALUES('','','83qk47r95yk1','2026-11-30 22:00:00.000000','1',1,0,0);
INSERT INTO apitokens_call_hour VALUES('','tmy','0ywr06ywmhxf','2026-11-30 22:00:00.000000','1',1,0,0);
INSERT INTO apitokens_call_hour VALUES('','','','2026-11-30 22:00:00.000000','',2,1,0);
INSERT INTO apitokens_call_hour VALUES('','tmy','','2026-11-30 22:00:00.000000','',1,0,0);
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
    CONSTRAINT pk_apitokens_token PRIMARY KEY (id), 
    CONSTRAINT uq_apitokens_token_owner UNIQUE (owner_id, created_at, id), 
    CONSTRAINT uq_apitokens_token_live_name UNIQUE (live_name), 
    CONSTRAINT uq_apitokens_token_predecessor_id UNIQUE (predecessor_id), 
    CONSTRAINT fk_apitokens_token_owner_id FOREIGN KEY(owner_id) REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO apitokens_token VALUES(1,'2f6jz3g1arba','api','Deploy','native',X'5af432db2752e0cc9d55b3f0d8e93c1d','$2b$04$7uafCfOaMFt9.gEK3mFnK.lLRxob2KaT7IWOkznRWZ90wvgho6DKa','',0,NULL,'','2026-11-30 22:42:49.051940','system','2026-11-30 22:42:49.051940',NULL,NULL,NULL,NULL,'2026-11-30 22:42:49.143666','127.0.0.1',NULL,NULL,X'2161d8a50777a60cf4a97c7c02552481a97355510058088defaacadc634d2a98',NULL,NULL,NULL,NULL);
INSERT INTO apitokens_token VALUES(1,'0ywr06ywmhxf','api','Weather','native',X'efc9299dff2c343def094ef05dbdf7fe','$2b$04$mTBZyuT9M3/viywCzQYkCeQ28BbxkdHSswUJxsJg2LIOOgNhEOlMa','',0,'tmy','read','2026-11-30 22:42:49.115532','system','2026-11-30 22:42:49.115532',NULL,NULL,NULL,NULL,'2026-11-30 22:42:49.147320','127.0.0.1',NULL,NULL,X'6cdcb8cff50ac3d7d980a0cecddd949258eb23117f12cecc69b8e06847676e1a',NULL,NULL,NULL,NULL);
INSERT INTO apitokens_token VALUES(1,'64sjhkt374z0','api','Old laptop','native',X'e9df78bf0425f35d1c38bdc42de76fad','$2b$04$egjtQZs19bjS6h1vKp01hOwfw6gNcHk/fj//IvQGLRt9Q5DnzDfAG','',0,NULL,'','2026-11-30 22:42:49.118694','system','2026-11-30 22:42:49.118694',NULL,'2026-11-30 22:42:49.123070',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO apitokens_token VALUES(1,'83qk47r95yk1','api','From the old system','imported',X'8605e7a26315aec36983dcca1fb0630d','$2b$04$PAPhAOpaxrh/vLFdEe8/d.0/jj8D4jzooTCcFQXzgYbUG7nUOVbB2','',0,NULL,'','2026-11-30 22:42:49.134640','system',NULL,NULL,NULL,NULL,NULL,'2026-11-30 22:42:49.153901','127.0.0.1',NULL,NULL,X'ff407f134f979fbbf9368146c543b4373490cc8fc01814e9107d6e259208aeb8',NULL,NULL,NULL,NULL);
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
    CONSTRAINT pk_apitokens_subscription PRIMARY KEY (id), 
    CONSTRAINT uq_apitokens_subscription UNIQUE (user_id, service), 
    CONSTRAINT fk_apitokens_subscription_user_id FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO apitokens_subscription VALUES(1,1,'tmy',1,'2026-11-30 22:42:49.112879','system',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE apitokens_import (
    token_id VARCHAR(12), 
    id INTEGER NOT NULL, 
    digest BLOB NOT NULL, 
    source BLOB, 
    pepper VARCHAR(16) NOT NULL, 
    strength VARCHAR(8) NOT NULL, 
    CONSTRAINT pk_apitokens_import PRIMARY KEY (id), 
    CONSTRAINT uq_apitokens_import_digest UNIQUE (digest), 
    CONSTRAINT uq_apitokens_import_source UNIQUE (source), 
    CONSTRAINT uq_apitokens_import_token UNIQUE (token_id), 
    CONSTRAINT fk_apitokens_import_token_id FOREIGN KEY(token_id) REFERENCES apitokens_token (id) ON DELETE SET NULL
);
INSERT INTO apitokens_import VALUES('83qk47r95yk1',1,X'8605e7a26315aec36983dcca1fb0630d010570798c6879ed6962ff42022e69e6',NULL,'2026','strong');
CREATE INDEX ix_apitokens_event_token ON apitokens_event (token_id, id);
CREATE INDEX ix_apitokens_event_account ON apitokens_event (account_id, id);
CREATE INDEX ix_apitokens_call_result ON apitokens_call (account_id, result, at, id, token_id);
CREATE INDEX ix_apitokens_call_owner ON apitokens_call (owner_key, at, id);
CREATE INDEX ix_apitokens_call_service ON apitokens_call (account_id, service, at, id);
CREATE INDEX ix_apitokens_call_account ON apitokens_call (account_id, at, id);
CREATE INDEX ix_apitokens_call_token ON apitokens_call (token_id, at, id);
CREATE INDEX ix_apitokens_call_at ON apitokens_call (at);
CREATE INDEX ix_apitokens_call_hour_token ON apitokens_call_hour (account_id, token_id, hour);
CREATE INDEX ix_apitokens_call_hour ON apitokens_call_hour (hour);
CREATE INDEX ix_apitokens_call_hour_owner ON apitokens_call_hour (account_id, owner_key, hour);
CREATE INDEX ix_apitokens_token_expiry ON apitokens_token (account_id, expires_at);
CREATE INDEX ix_apitokens_token_use ON apitokens_token (account_id, last_used_at);
CREATE INDEX ix_apitokens_token_service ON apitokens_token (account_id, service, userless, created_at, id);
CREATE INDEX ix_apitokens_token_owner ON apitokens_token (owner_id, created_at, id);
CREATE INDEX ix_apitokens_token_account ON apitokens_token (account_id, created_at, id);
CREATE INDEX ix_apitokens_subscription_request ON apitokens_subscription (requested_at, decided_at);
CREATE INDEX ix_apitokens_subscription ON apitokens_subscription (service, active, user_id);
