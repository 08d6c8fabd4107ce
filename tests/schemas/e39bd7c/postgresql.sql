-- plain: apt_nh6fb2bvsa3k_xwvjeVYzvKxqIM6dl2hWcDmc8JDxO5aq2t4xAU
-- tmy: apt_s45e3wp0g9z9_bNPXwJNAQ1eBm5hLl82TsDXHqxuyx0re2ICbtb
-- revoked: apt_s666qweez3x2_HNWKTkRYTFtL12WMCBnqGpY6JQP9ffBJ3vlYzF
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
    active boolean NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by character varying(255) NOT NULL
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
ALTER TABLE ONLY public.apitokens_event ALTER COLUMN id SET DEFAULT nextval('public.apitokens_event_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_service_setting ALTER COLUMN id SET DEFAULT nextval('public.apitokens_service_setting_id_seq'::regclass);
ALTER TABLE ONLY public.apitokens_subscription ALTER COLUMN id SET DEFAULT nextval('public.apitokens_subscription_id_seq'::regclass);
ALTER TABLE ONLY public."user" ALTER COLUMN id SET DEFAULT nextval('public.user_id_seq'::regclass);
INSERT INTO public.apitokens_event VALUES (1, '2026-11-30 19:06:25.045958+00', 'generated', '', 'nh6fb2bvsa3k', 'Deploy', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (2, '2026-11-30 19:06:25.10791+00', 'subscription-activated', '', NULL, NULL, 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_event VALUES (3, '2026-11-30 19:06:25.209032+00', 'generated', '', 's45e3wp0g9z9', 'Weather', 'tmy', '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": ["read"]}', NULL);
INSERT INTO public.apitokens_event VALUES (4, '2026-11-30 19:06:25.237704+00', 'generated', '', 's666qweez3x2', 'Old laptop', NULL, '1', 'ada@example.com', NULL, 'system', NULL, '{"kind": "api", "scopes": []}', NULL);
INSERT INTO public.apitokens_event VALUES (5, '2026-11-30 19:06:25.266676+00', 'revoked', '', 's666qweez3x2', 'Old laptop', NULL, '1', NULL, NULL, 'system', NULL, '{}', NULL);
INSERT INTO public.apitokens_subscription VALUES (1, 1, 'tmy', true, '2026-11-30 19:06:25.10783+00', 'system');
INSERT INTO public.apitokens_token VALUES (1, 's666qweez3x2', 'api', 'Old laptop', 'native', '\x0e6f17e5f4857c632af17d852859f27e', '$2b$04$xuXg0TshKyi2Q5WTUeqAbOgEWJaRRXcFSoYWa5AEeosBouRYLoq5y', '', false, NULL, '', '2026-11-30 19:06:25.213134+00', 'system', '2026-11-30 19:06:25.213134+00', NULL, '2026-11-30 19:06:25.266605+00', NULL, NULL, NULL, NULL);
INSERT INTO public.apitokens_token VALUES (1, 'nh6fb2bvsa3k', 'api', 'Deploy', 'native', '\xae9de26aa22826a52e81416d0fe1257b', '$2b$04$Q87D658PKMA.W0HdSu.sXODpa/XCLBvMrNwKk5z26Qn6AL3vmMfG6', '', false, NULL, '', '2026-11-30 19:06:24.933548+00', 'system', '2026-11-30 19:06:24.933548+00', NULL, NULL, NULL, '2026-11-30 19:06:25.341239+00', '127.0.0.1', '\x2161d8a50777a60cf4a97c7c02552481a97355510058088defaacadc634d2a98');
INSERT INTO public.apitokens_token VALUES (1, 's45e3wp0g9z9', 'api', 'Weather', 'native', '\x4bed42e0f07ff7de714e4a8a9e8b66ed', '$2b$04$botl3Y1pHk1uwzOlv/hWt.1D9gLM8qOtGV98e/BanZ2rX1pe1c1dm', '', false, 'tmy', 'read', '2026-11-30 19:06:25.181706+00', 'system', '2026-11-30 19:06:25.181706+00', NULL, NULL, NULL, '2026-11-30 19:06:25.444705+00', '127.0.0.1', '\x6cdcb8cff50ac3d7d980a0cecddd949258eb23117f12cecc69b8e06847676e1a');
INSERT INTO public."user" VALUES (1, 'ada@example.com', true, NULL, NULL, false, true);
SELECT pg_catalog.setval('public.apitokens_event_id_seq', 5, true);
SELECT pg_catalog.setval('public.apitokens_service_setting_id_seq', 1, false);
SELECT pg_catalog.setval('public.apitokens_subscription_id_seq', 1, true);
SELECT pg_catalog.setval('public.user_id_seq', 1, true);
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
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_email_key UNIQUE (email);
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);
CREATE INDEX ix_apitokens_event_token ON public.apitokens_event USING btree (token_id, id);
CREATE INDEX ix_apitokens_token_owner ON public.apitokens_token USING btree (owner_id, created_at, id);
ALTER TABLE ONLY public.apitokens_subscription
    ADD CONSTRAINT apitokens_subscription_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.apitokens_token
    ADD CONSTRAINT apitokens_token_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public."user"(id) ON DELETE CASCADE;
