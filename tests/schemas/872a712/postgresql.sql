-- plain: apt_n4470zhv61dt_g4suLTS5WBZ0CY7fgzEdxowr5nwhFAfn2HgmwU
-- tmy: apt_ny48a8w3sxm2_A7t0pP9Gpkpl7rbFMmU9GbEMZ7D6FqBb1enSN5
-- revoked: apt_1697nakrv0yf_DZediMgUg70uGrRmI0F1T4USwZDJvNYV0iWPlQ
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
INSERT INTO public.apitokens_call VALUES (1, '2026-11-30 19:07:52.464867+00', '', '', 'n4470zhv61dt', 'Deploy', '1', 'GET', '/api/plain', '/api/plain', 200, 0, NULL, 33, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (2, '2026-11-30 19:07:52.568776+00', '', 'tmy', 'ny48a8w3sxm2', 'Weather', '1', 'GET', '/api/tmy', '/api/tmy', 200, 0, NULL, 12, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (3, '2026-11-30 19:07:52.591465+00', '', '', '1697nakrv0yf', 'Old laptop', '1', 'GET', '/api/plain', '/api/plain', 401, 1, 'token_revoked', 3, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (4, '2026-11-30 19:07:52.646763+00', '', '', '5gqq4fsg1nwm', 'From the old system', '1', 'GET', '/api/plain', '/api/plain', 200, 0, NULL, 32, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call_hour VALUES ('', '', 'n4470zhv61dt', '2026-11-30 19:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', 'tmy', 'ny48a8w3sxm2', '2026-11-30 19:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', 'tmy', '', '2026-11-30 19:00:00+00', '', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', '1697nakrv0yf', '2026-11-30 19:00:00+00', '1', 0, 1, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', '5gqq4fsg1nwm', '2026-11-30 19:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', '', '2026-11-30 19:00:00+00', '', 2, 1, 0);
INSERT INTO public.apitokens_event VALUES (1, '2026-11-30 19:07:52.16465+00', 'generated', '', 'n4470zhv61dt', 'Deploy', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (2, '2026-11-30 19:07:52.193829+00', 'subscription-activated', '', NULL, NULL, 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_event VALUES (3, '2026-11-30 19:07:52.242396+00', 'generated', '', 'ny48a8w3sxm2', 'Weather', 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": ["read"]}', NULL);
INSERT INTO public.apitokens_event VALUES (4, '2026-11-30 19:07:52.263266+00', 'generated', '', '1697nakrv0yf', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (5, '2026-11-30 19:07:52.302634+00', 'revoked', '', '1697nakrv0yf', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_event VALUES (6, '2026-11-30 19:07:52.389674+00', 'imported', '', '5gqq4fsg1nwm', 'From the old system', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"strength": "strong", "form": "plain"}', NULL);
INSERT INTO public.apitokens_import VALUES ('5gqq4fsg1nwm', 1, '\x8605e7a26315aec36983dcca1fb0630d010570798c6879ed6962ff42022e69e6', NULL, '2026', 'strong');
INSERT INTO public.apitokens_subscription VALUES (1, 1, 'tmy', true, '2026-11-30 19:07:52.193762+00', 'system', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, '1697nakrv0yf', 'api', 'Old laptop', 'native', '\x4153955a3d2f2b2d8cfa8f3096c40e09', '$2b$04$C5V8rtuZP9svvkYMOg/S5uu5tVVmqseM3AWj2RMTod4M8hgS2mgja', '', false, NULL, '', '2026-11-30 19:07:52.25018+00', 'system', '2026-11-30 19:07:52.25018+00', NULL, '2026-11-30 19:07:52.294892+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'n4470zhv61dt', 'api', 'Deploy', 'native', '\x159435460de676b748cf7687778b03e9', '$2b$04$PtOsMw8zynL1iC979Izzlevk7eTQsfm5UYkd.W1saOt/HSlQTpFWS', '', false, NULL, '', '2026-11-30 19:07:52.10203+00', 'system', '2026-11-30 19:07:52.10203+00', NULL, NULL, NULL, NULL, '2026-11-30 19:07:52.464867+00', '127.0.0.1', NULL, NULL, '\x2161d8a50777a60cf4a97c7c02552481a97355510058088defaacadc634d2a98', NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'ny48a8w3sxm2', 'api', 'Weather', 'native', '\x717a264206f90db306b514b79f48782f', '$2b$04$OFQNG6XMz2/YMZH7tmr4iuxgxVD6vgF96s/lDx3KD3j7tguJvX0nq', '', false, 'tmy', 'read', '2026-11-30 19:07:52.224527+00', 'system', '2026-11-30 19:07:52.224527+00', NULL, NULL, NULL, NULL, '2026-11-30 19:07:52.568776+00', '127.0.0.1', NULL, NULL, '\x6cdcb8cff50ac3d7d980a0cecddd949258eb23117f12cecc69b8e06847676e1a', NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, '5gqq4fsg1nwm', 'api', 'From the old system', 'imported', '\x8605e7a26315aec36983dcca1fb0630d', '$2b$04$FDcy6kN.8MZYRSoCtPeyl.VuWOFixxJiP8LunUrJLIPu6/zH75.cK', '', false, NULL, '', '2026-11-30 19:07:52.380886+00', 'system', NULL, NULL, NULL, NULL, NULL, '2026-11-30 19:07:52.646763+00', '127.0.0.1', NULL, NULL, '\xff407f134f979fbbf9368146c543b4373490cc8fc01814e9107d6e259208aeb8', NULL, NULL, NULL, NULL);
INSERT INTO public."user" VALUES (1, 'ada@example.com', true, NULL, NULL, false, true);
SELECT pg_catalog.setval('public.apitokens_call_id_seq', 4, true);
SELECT pg_catalog.setval('public.apitokens_event_id_seq', 6, true);
SELECT pg_catalog.setval('public.apitokens_import_id_seq', 1, true);
SELECT pg_catalog.setval('public.apitokens_service_setting_id_seq', 1, false);
SELECT pg_catalog.setval('public.apitokens_subscription_id_seq', 1, true);
SELECT pg_catalog.setval('public.user_id_seq', 1, true);
ALTER TABLE ONLY public.apitokens_call_hour
    ADD CONSTRAINT apitokens_call_hour_pkey PRIMARY KEY (account_id, service, token_id, hour);
ALTER TABLE ONLY public.apitokens_call
    ADD CONSTRAINT apitokens_call_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_event
    ADD CONSTRAINT apitokens_event_form_key_key UNIQUE (form_key);
ALTER TABLE ONLY public.apitokens_event
    ADD CONSTRAINT apitokens_event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT apitokens_import_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT apitokens_import_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT apitokens_import_source_key UNIQUE (source);
ALTER TABLE ONLY public.apitokens_service_setting
    ADD CONSTRAINT apitokens_service_setting_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT apitokens_subscription_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_live_name_key UNIQUE (live_name);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_predecessor_id_key UNIQUE (predecessor_id);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT uq_apitokens_import_token UNIQUE (token_id);
ALTER TABLE ONLY public.apitokens_service_setting
    ADD CONSTRAINT uq_apitokens_setting UNIQUE (account_id, service);
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT uq_apitokens_subscription UNIQUE (user_id, service);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT uq_apitokens_token_owner UNIQUE (owner_id, created_at, id);
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
CREATE INDEX ix_apitokens_token_service ON public.apitokens_token USING btree (account_id, service, userless, created_at, id);
CREATE INDEX ix_apitokens_token_use ON public.apitokens_token USING btree (account_id, last_used_at);
ALTER TABLE ONLY public.apitokens_import
    ADD CONSTRAINT apitokens_import_token_id_fkey FOREIGN KEY (token_id) REFERENCES public.apitokens_token(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT apitokens_subscription_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public."user"(id) ON DELETE CASCADE;
