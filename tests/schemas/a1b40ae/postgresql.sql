-- plain: apt_hm9hr2s8z64j_7479dD4MQwbfH0Rry6YFuMjGsqZetHqY02tPHo
-- tmy: apt_gp2j78athh4s_YvVWbhLKuX7QCHDDKocxhuUGPvA6fzys2C9kSP
-- revoked: apt_epmyb398pzea_TSyD6d2AE7hRr4avxmEvaxLFKUpy4swJ2CmbYx
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
    live_name bytea
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
ALTER TABLE ONLY public.apitokens_service_setting ALTER COLUMN id SET DEFAULT nextval('public.apitokens_service_setting_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_subscription ALTER COLUMN id SET DEFAULT nextval('public.apitokens_subscription_id_seq'::regclass);
ALTER TABLE ONLY public."user" ALTER COLUMN id SET DEFAULT nextval('public.user_id_seq'::regclass);
INSERT INTO public.apitokens_call VALUES (1, '2026-11-30 19:07:12.995573+00', '', '', 'hm9hr2s8z64j', 'Deploy', '1', 'GET', '/api/plain', '/api/plain', 200, 0, NULL, 62, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (2, '2026-11-30 19:07:13.152718+00', '', 'tmy', 'gp2j78athh4s', 'Weather', '1', 'GET', '/api/tmy', '/api/tmy', 200, 0, NULL, 9, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call VALUES (3, '2026-11-30 19:07:13.189617+00', '', '', 'epmyb398pzea', 'Old laptop', '1', 'GET', '/api/plain', '/api/plain', 401, 1, 'token_revoked', 4, '127.0.0.1', 'Werkzeug/3.1.9');
INSERT INTO public.apitokens_call_hour VALUES ('', '', 'hm9hr2s8z64j', '2026-11-30 19:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', 'tmy', 'gp2j78athh4s', '2026-11-30 19:00:00+00', '1', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', 'tmy', '', '2026-11-30 19:00:00+00', '', 1, 0, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', 'epmyb398pzea', '2026-11-30 19:00:00+00', '1', 0, 1, 0);
INSERT INTO public.apitokens_call_hour VALUES ('', '', '', '2026-11-30 19:00:00+00', '', 1, 1, 0);
INSERT INTO public.apitokens_event VALUES (1, '2026-11-30 19:07:12.657778+00', 'generated', '', 'hm9hr2s8z64j', 'Deploy', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (2, '2026-11-30 19:07:12.707825+00', 'subscription-activated', '', NULL, NULL, 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_event VALUES (3, '2026-11-30 19:07:12.809197+00', 'generated', '', 'gp2j78athh4s', 'Weather', 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": ["read"]}', NULL);
INSERT INTO public.apitokens_event VALUES (4, '2026-11-30 19:07:12.825225+00', 'generated', '', 'epmyb398pzea', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (5, '2026-11-30 19:07:12.891331+00', 'revoked', '', 'epmyb398pzea', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_subscription VALUES (1, 1, 'tmy', true, '2026-11-30 19:07:12.707727+00', 'system', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'epmyb398pzea', 'api', 'Old laptop', 'native', '\x18276c155663cf0b13bdabe18e33cc41', '$2b$04$cKWaF1s5xcJhtMksrvRJ5eMFCNNwg7W.OYelpheDTkA9Hri5tNCIS', '', false, NULL, '', '2026-11-30 19:07:12.811574+00', 'system', '2026-11-30 19:07:12.811574+00', NULL, '2026-11-30 19:07:12.877371+00', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'hm9hr2s8z64j', 'api', 'Deploy', 'native', '\x56228cc8995f2b69e6ac23dfaa9b05f6', '$2b$04$ioZ4OjMup.93EA80M7PGoOIHdNV5mT.Frx4ltmnzj7G0bzZqTzdFq', '', false, NULL, '', '2026-11-30 19:07:12.533602+00', 'system', '2026-11-30 19:07:12.533602+00', NULL, NULL, NULL, NULL, '2026-11-30 19:07:12.995573+00', '127.0.0.1', '\x2161d8a50777a60cf4a97c7c02552481a97355510058088defaacadc634d2a98');
INSERT INTO public.apitokens_token VALUES (1, 'gp2j78athh4s', 'api', 'Weather', 'native', '\xf0c35ab18dcdf496f54413fa568ff205', '$2b$04$CiWu0u27pwcXEvogz80gTeugIGVc4nP.mzKe7P.xqv5Bs61AZLR0e', '', false, 'tmy', 'read', '2026-11-30 19:07:12.779264+00', 'system', '2026-11-30 19:07:12.779264+00', NULL, NULL, NULL, NULL, '2026-11-30 19:07:13.152718+00', '127.0.0.1', '\x6cdcb8cff50ac3d7d980a0cecddd949258eb23117f12cecc69b8e06847676e1a');
INSERT INTO public."user" VALUES (1, 'ada@example.com', true, NULL, NULL, false, true);
SELECT pg_catalog.setval('public.apitokens_call_id_seq', 3, true);
SELECT pg_catalog.setval('public.apitokens_event_id_seq', 5, true);
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
ALTER TABLE ONLY public.apitokens_service_setting
    ADD CONSTRAINT apitokens_service_setting_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT apitokens_subscription_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_live_name_key UNIQUE (live_name);
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_pkey PRIMARY KEY (id);
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
CREATE INDEX ix_apitokens_call_result ON public.apitokens_call USING btree (account_id, result, at, id);
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
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT apitokens_subscription_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public."user"(id) ON DELETE CASCADE;
