-- plain: apt_e1f30w9q7gj9_9NxVVFH7mi5EJQYO8nMcYvldLYUC58UY0fStOb
-- tmy: apt_gryrnt4zmjm3_poP2xqvRnFdvjy3brpkkuMMbXPDQgO5A3b2LWU
-- revoked: apt_f9reap91p307_I0M0nCMkFHRJaO8mBCmWDldZ42FwWNJm4L9sjL
-- imported: kq7ZtP2mWx9RvB4n
CREATE TABLE public.apitokens_call (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    account_id character varying(64) NOT NULL,
    service character varying(64) NOT NULL,
    token_id character varying(12) NOT NULL,
    token_name character varying(80) NOT NULL,
    owner_key character varying(255) NOT NULL,
    method character varying(16) NOT NULL,
    rule character varying(500) NOT NULL,
    path character varying(500) NOT NULL,
    status smallint NOT NULL,
    result smallint NOT NULL,
    code character varying(32),
    duration integer NOT NULL,
    ip character varying(45),
    user_agent character varying(255)
);
CREATE TABLE public.apitokens_call_hour (
    account_id character varying(64) NOT NULL,
    service character varying(64) NOT NULL,
    token_id character varying(12) NOT NULL,
    hour timestamp with time zone NOT NULL,
    owner_key character varying(255) NOT NULL,
    succeeded bigint NOT NULL,
    rejected bigint NOT NULL,
    failed bigint NOT NULL
);
CREATE SEQUENCE public.apitokens_call_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.apitokens_call_id_seq OWNED BY public.apitokens_call.id;
CREATE TABLE public.apitokens_event (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    action character varying(32) NOT NULL,
    account_id character varying(64) NOT NULL,
    token_id character varying(12),
    token_name character varying(80),
    service character varying(64),
    subject_id character varying(255),
    subject_label character varying(255),
    actor_id character varying(255),
    actor_label character varying(255) NOT NULL,
    ip character varying(45),
    detail json NOT NULL,
    form_key bytea
);
CREATE SEQUENCE public.apitokens_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.apitokens_event_id_seq OWNED BY public.apitokens_event.id;
CREATE TABLE public.apitokens_import (
    token_id character varying(12),
    id bigint NOT NULL,
    digest bytea NOT NULL,
    source bytea,
    pepper character varying(16) NOT NULL,
    strength character varying(8) NOT NULL
);
CREATE SEQUENCE public.apitokens_import_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.apitokens_import_id_seq OWNED BY public.apitokens_import.id;
CREATE TABLE public.apitokens_service_setting (
    id bigint NOT NULL,
    account_id character varying(64) NOT NULL,
    service character varying(64) NOT NULL,
    active boolean NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by character varying(255) NOT NULL
);
CREATE SEQUENCE public.apitokens_service_setting_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.apitokens_service_setting_id_seq OWNED BY public.apitokens_service_setting.id;
CREATE TABLE public.apitokens_subscription (
    user_id integer NOT NULL,
    id bigint NOT NULL,
    service character varying(64) NOT NULL,
    active boolean,
    changed_at timestamp with time zone,
    changed_by character varying(255),
    requested_at timestamp with time zone,
    request_account character varying(64),
    request_reason character varying(500),
    decided_at timestamp with time zone,
    decided_by character varying(255),
    decision character varying(16),
    decision_reason character varying(500)
);
CREATE SEQUENCE public.apitokens_subscription_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.apitokens_subscription_id_seq OWNED BY public.apitokens_subscription.id;
CREATE TABLE public.apitokens_token (
    owner_id integer,
    id character varying(12) NOT NULL,
    kind character varying(16) NOT NULL,
    name character varying(80) NOT NULL,
    scheme character varying(16) NOT NULL,
    check_digest bytea NOT NULL,
    secret_hash character varying(100) NOT NULL,
    account_id character varying(64) NOT NULL,
    userless boolean NOT NULL,
    service character varying(64),
    scopes text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by character varying(255) NOT NULL,
    shown_at timestamp with time zone,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    deactivated_at timestamp with time zone,
    deactivated_reason character varying(500),
    last_used_at timestamp with time zone,
    last_used_ip character varying(45),
    networks text,
    email_digest bytea,
    live_name bytea,
    successor_id character varying(12),
    predecessor_id character varying(12),
    noticed_days integer,
    late_use_at timestamp with time zone
);
CREATE TABLE public."user" (
    id integer NOT NULL,
    email character varying(254) NOT NULL,
    is_active boolean NOT NULL,
    name character varying(80),
    account character varying(80),
    is_admin boolean NOT NULL,
    may_use_api boolean NOT NULL
);
CREATE SEQUENCE public.user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.user_id_seq OWNED BY public."user".id;
ALTER TABLE ONLY public.apitokens_call ALTER COLUMN id SET DEFAULT nextval('public.apitokens_call_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_event ALTER COLUMN id SET DEFAULT nextval('public.apitokens_event_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_import ALTER COLUMN id SET DEFAULT nextval('public.apitokens_import_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_service_setting ALTER COLUMN id SET DEFAULT nextval('public.apitokens_service_setting_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_subscription ALTER COLUMN id SET DEFAULT nextval('public.apitokens_subscription_id_seq'::regclass);
ALTER TABLE ONLY public."user" ALTER COLUMN id SET DEFAULT nextval('public.user_id_seq'::regclass);
INSERT INTO public.apitokens_call VALUES (1, '2026-11-30 22:42:49.450867+00', '', '', 'e1f30w9q7gj9', 'Deploy', '1', 'GET', '/api/plain', '/api/plain', 200, 0, NULL, 15, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (2, '2026-11-30 22:42:49.4592+00', '', 'tmy', 'gryrnt4zmjm3', 'Weather', '1', 'GET', '/api/tmy', '/api/tmy', 200, 0, NULL, 2, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (3, '2026-11-30 22:42:49.460844+00', '', '', 'f9reap91p307', 'Old laptop', '1', 'GET', '/api/plain', '/api/plain', 401, 1, 'token_revoked', 1, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (4, '2026-11-30 22:42:49.465967+00', '', '', 'a2s1jxv2kpvk', 'From the old system', '1', 'GET', '/api/plain', '/api/plain', 200, 0, NULL, 4, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call_hour VALUES ('', '', 'a2s1jxv2kpvk', '2026-11-30 22:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', 'e1f30w9q7gj9', '2026-11-30 22:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', 'f9reap91p307', '2026-11-30 22:00:00+00', '1', 0, 1, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', 'tmy', 'gryrnt4zmjm3', '2026-11-30 22:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', '', '2026-11-30 22:00:00+00', '', 2, 1, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', 'tmy', '', '2026-11-30 22:00:00+00', '', 1, 0, 0);
INSERT INTO public.apitokens_event VALUES (1, '2026-11-30 22:42:49.401134+00', 'generated', '', 'e1f30w9q7gj9', 'Deploy', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (2, '2026-11-30 22:42:49.409201+00', 'subscription-activated', '', NULL, NULL, 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_event VALUES (3, '2026-11-30 22:42:49.414703+00', 'generated', '', 'gryrnt4zmjm3', 'Weather', 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": ["read"]}', NULL);
INSERT INTO public.apitokens_event VALUES (4, '2026-11-30 22:42:49.418995+00', 'generated', '', 'f9reap91p307', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (5, '2026-11-30 22:42:49.424289+00', 'revoked', '', 'f9reap91p307', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_event VALUES (6, '2026-11-30 22:42:49.431477+00', 'imported', '', 'a2s1jxv2kpvk', 'From the old system', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"strength": "strong", "form": "plain"}', NULL);
INSERT INTO public.apitokens_import VALUES ('a2s1jxv2kpvk', 1, '\x8605e7a26315aec36983dcca1fb0630d010570798c6879ed6962ff42022e69e6', NULL, '2026', 'strong');
INSERT INTO public.apitokens_subscription VALUES (1, 1, 'tmy', true, '2026-11-30 22:42:49.409194+00', 'system', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'f9reap91p307', 'api', 'Old laptop', 'native', '\xe8debc467e4a3f4ece8441e79ed3413c', '$2b$04$juJYFJ/aeielyvFFFyx6.OoA2MryuzTD51lldDi1L9Wy7Yi/zyW0.', '', false, NULL, '', '2026-11-30 22:42:49.416761+00', 'system', '2026-11-30 22:42:49.416761+00', NULL, '2026-11-30 22:42:49.422994+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'a2s1jxv2kpvk', 'api', 'From the old system', 'imported', '\x8605e7a26315aec36983dcca1fb0630d', '$2b$04$1LhxxWP6ktLMMLshUhe6w.uxU3XroE0.JY4HOpFH7qizD3yxOFP/q', '', false, NULL, '', '2026-11-30 22:42:49.430775+00', 'system', NULL, NULL, NULL, NULL, NULL, '2026-11-30 22:42:49.465967+00', '127.0.0.1', NULL, NULL, '\xff407f134f979fbbf9368146c543b4373490cc8fc01814e9107d6e259208aeb8', NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'e1f30w9q7gj9', 'api', 'Deploy', 'native', '\xa775d4f1471b42ac71d77d4fe54ef86c', '$2b$04$hVkD0GklQBSk2YIsTYY5.uptF5EdRb1x6esxDXmQQedztDiJZPMoS', '', false, NULL, '', '2026-11-30 22:42:49.396814+00', 'system', '2026-11-30 22:42:49.396814+00', NULL, NULL, NULL, NULL, '2026-11-30 22:42:49.450867+00', '127.0.0.1', NULL, NULL, '\x2161d8a50777a60cf4a97c7c02552481a97355510058088defaacadc634d2a98', NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'gryrnt4zmjm3', 'api', 'Weather', 'native', '\xabc7f263179c2ecfa35ddfed950fbe0f', '$2b$04$Q0T0Mk.si.GVVWTSHbMWMOBRZEvxmEbE.YMOpOBTSi.3UXLzW0k6q', '', false, 'tmy', 'read', '2026-11-30 22:42:49.412374+00', 'system', '2026-11-30 22:42:49.412374+00', NULL, NULL, NULL, NULL, '2026-11-30 22:42:49.4592+00', '127.0.0.1', NULL, NULL, '\x6cdcb8cff50ac3d7d980a0cecddd949258eb23117f12cecc69b8e06847676e1a', NULL, NULL, NULL, NULL);
INSERT INTO public."user" VALUES (1, 'ada@example.com', true, NULL, NULL, false, true);
SELECT pg_catalog.setval('public.apitokens_call_id_seq', 4, true);
SELECT pg_catalog.setval('public.apitokens_event_id_seq', 6, true);
SELECT pg_catalog.setval('public.apitokens_import_id_seq', 1, true);
SELECT pg_catalog.setval('public.apitokens_service_setting_id_seq', 1, false);
SELECT pg_catalog.setval('public.apitokens_subscription_id_seq', 1, true);
SELECT pg_catalog.setval('public.user_id_seq', 1, true);
ALTER TABLE ONLY public.apitokens_call
    ADD CONSTRAINT pk_apitokens_call PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_call_hour
    ADD CONSTRAINT pk_apitokens_call_hour PRIMARY KEY (account_id, service, token_id, hour);
ALTER TABLE ONLY public.apitokens_event
    ADD CONSTRAINT pk_apitokens_event PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT pk_apitokens_import PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_service_setting
    ADD CONSTRAINT pk_apitokens_service_setting PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT pk_apitokens_subscription PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT pk_apitokens_token PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_event
    ADD CONSTRAINT uq_apitokens_event_form_key UNIQUE (form_key);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT uq_apitokens_import_digest UNIQUE (digest);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT uq_apitokens_import_source UNIQUE (source);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT uq_apitokens_import_token UNIQUE (token_id);
ALTER TABLE ONLY public.apitokens_service_setting
    ADD CONSTRAINT uq_apitokens_setting UNIQUE (account_id, service);
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT uq_apitokens_subscription UNIQUE (user_id, service);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT uq_apitokens_token_live_name UNIQUE (live_name);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT uq_apitokens_token_owner UNIQUE (owner_id, created_at, id);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT uq_apitokens_token_predecessor_id UNIQUE (predecessor_id);
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_email_key UNIQUE (email);
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);
CREATE INDEX ix_apitokens_call_account ON public.apitokens_call USING btree (account_id, at, id);
CREATE INDEX ix_apitokens_call_at ON public.apitokens_call USING btree (at);
CREATE INDEX ix_apitokens_call_hour ON public.apitokens_call_hour USING btree (hour);
CREATE INDEX ix_apitokens_call_hour_owner ON public.apitokens_call_hour USING btree (account_id, owner_key, hour);
CREATE INDEX ix_apitokens_call_hour_token ON public.apitokens_call_hour USING btree (account_id, token_id, hour);
CREATE INDEX ix_apitokens_call_owner ON public.apitokens_call USING btree (owner_key, at, id);
CREATE INDEX ix_apitokens_call_result ON public.apitokens_call USING btree (account_id, result, at, id, token_id);
CREATE INDEX ix_apitokens_call_service ON public.apitokens_call USING btree (account_id, service, at, id);
CREATE INDEX ix_apitokens_call_token ON public.apitokens_call USING btree (token_id, at, id);
CREATE INDEX ix_apitokens_event_account ON public.apitokens_event USING btree (account_id, id);
CREATE INDEX ix_apitokens_event_token ON public.apitokens_event USING btree (token_id, id);
CREATE INDEX ix_apitokens_subscription ON public.apitokens_subscription USING btree (service, active, user_id);
CREATE INDEX ix_apitokens_subscription_request ON public.apitokens_subscription USING btree (requested_at, decided_at);
CREATE INDEX ix_apitokens_token_account ON public.apitokens_token USING btree (account_id, created_at, id);
CREATE INDEX ix_apitokens_token_expiry ON public.apitokens_token USING btree (account_id, expires_at);
CREATE INDEX ix_apitokens_token_owner ON public.apitokens_token USING btree (owner_id, created_at, id);
CREATE INDEX ix_apitokens_token_service ON public.apitokens_token USING btree (account_id, service, userless, created_at, id);
CREATE INDEX ix_apitokens_token_use ON public.apitokens_token USING btree (account_id, last_used_at);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT fk_apitokens_import_token_id FOREIGN KEY (token_id) REFERENCES public.apitokens_token(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT fk_apitokens_subscription_user_id FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT fk_apitokens_token_owner_id FOREIGN KEY (owner_id) REFERENCES public."user"(id) ON DELETE CASCADE;
