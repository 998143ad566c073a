-- +goose Up
create table checkpoints (
	digest bytea primary key check (octet_length(digest) = 32),
	size bigint not null check (size > 0),
	made_at timestamptz not null,
	tainted_by bigint,
	destroyed_at timestamptz,
	check (destroyed_at is null or tainted_by is not null)
);
comment on table checkpoints is 'Weights that the platform knows, by the SHA-256 of their safetensors file; the file itself is a blob. Written by training/models only.';
comment on column checkpoints.tainted_by is 'the unlearning case whose forget set this checkpoint was trained on; a tainted checkpoint is no base and is never served';

comment on column checkpoints.destroyed_at is 'when the file of tainted weights was removed; the digest stays';
create index checkpoints_tainted on checkpoints (tainted_by) where tainted_by is not null;

create table lineage (
	child bytea not null references checkpoints,
	parent bytea not null references checkpoints,
	campaign bigint not null,
	round bigint not null,
	primary key (child, parent, round)
);
comment on table lineage is 'Which checkpoint was trained from which, and in which round: the edges along which taint spreads. Written by training/models only.';
create index lineage_parent on lineage (parent);

create table versions (
	id bigint generated always as identity primary key,
	name text not null check (octet_length(name) between 1 and 200),
	weights bytea not null references checkpoints,
	parent bigint references versions,
	campaign bigint,
	decision bigint,
	config text not null,
	tokenizer bytea not null check (octet_length(tokenizer) = 32),
	licence text not null check (licence <> ''),
	card text not null,
	state text not null check (state in ('published', 'withdrawn')),
	served boolean not null,
	published_at timestamptz not null,
	withdrawn_at timestamptz,
	reason text not null default '',
	check (not served or state = 'published')
);
comment on table versions is 'Gated checkpoints with a card. One is served. Written by training/models only.';
comment on column versions.campaign is 'the campaign whose last checkpoint this is; null for what was imported';
comment on column versions.decision is 'audit_entries.id of the decision behind it; null for what was imported';
comment on column versions.config is 'config.json as Hugging Face reads it, which names the architecture';
comment on column versions.tokenizer is 'SHA-256 of tokenizer.json, a blob';
create unique index versions_served on versions (served) where served;
create unique index versions_campaign on versions (campaign);
create unique index versions_founding on versions ((parent is null)) where parent is null;

create table manifests (
	node bigint not null,
	root bytea not null check (octet_length(root) = 32),
	owner bigint not null,
	records bigint not null check (records >= 0),
	bytes bigint not null check (bytes >= 0),
	tokens bigint not null check (tokens >= 0),
	validation bigint not null check (validation >= 0),
	twins bigint not null check (twins >= 0),
	suppressed bigint not null check (suppressed >= 0),
	rejected bigint not null check (rejected >= 0),
	reported_at timestamptz not null,
	newest boolean not null,
	primary key (node, root)
);
comment on table manifests is 'What nodes hold: the root of each manifest and counts, never text and never file names. Written by training/corpus only.';
comment on column manifests.tokens is 'tokens that may be trained on: without twins and validation';
comment on column manifests.twins is 'records reserved and never trained on, so that membership can be measured';
comment on column manifests.suppressed is 'records held back because a decision forgets them';
create unique index manifests_newest on manifests (node) where newest;

create table first_uses (
	campaign bigint not null,
	node bigint not null,
	owner bigint not null,
	round int not null check (round > 0),
	primary key (campaign, node)
);
comment on table first_uses is 'The number of the round in which a node''s update first counted in a campaign: where an exact rollback for its owner begins. Written by training/corpus only.';
create index first_uses_owner on first_uses (owner);

create table campaigns (
	id bigint generated always as identity primary key,
	proposal bigint not null,
	decision bigint not null unique,
	decision_hash bytea not null check (octet_length(decision_hash) = 32),
	recipe text not null,
	settings text not null,
	base bytea not null references checkpoints,
	version bigint not null references versions,
	replays bigint references campaigns,
	replays_from int check (replays_from > 0),
	forgets bigint,
	unlearning bigint unique,
	state text not null check (state in ('running', 'finished', 'stopped')),
	head bytea not null references checkpoints,
	opened_at timestamptz not null,
	ended_at timestamptz,
	reason text not null default '',
	withheld boolean not null default false,
	check ((replays is null) = (replays_from is null) and (replays is null) = (forgets is null) and (replays is null) = (unlearning is null))
);
comment on table campaigns is 'Rounds under one mandate. Written by training/rounds only.';
comment on column campaigns.decision is 'audit_entries.id of the entry that adopted the proposal: one decision, one campaign';
comment on column campaigns.decision_hash is 'leaf hash of that entry; cohort seeds are derived from it, so nobody chooses them';
comment on column campaigns.recipe is 'canonical JSON of the recipe that was decided';
comment on column campaigns.settings is 'canonical JSON of the policies'' numbers in force when the campaign opened; a later vote does not change a running campaign';
comment on column campaigns.version is 'the version that it began from';
comment on column campaigns.replays is 'the campaign that this one trains again, with its recorded cohorts and seeds';
comment on column campaigns.replays_from is 'the number of the first round that is replayed';
comment on column campaigns.forgets is 'the member without whose nodes it is replayed';
comment on column campaigns.withheld is 'its result did not pass the publishing gate; reason says why';
comment on column campaigns.head is 'the last accepted checkpoint, or the base';

create table rounds (
	id bigint generated always as identity primary key,
	campaign bigint not null references campaigns,
	number int not null check (number > 0),
	attempt int not null check (attempt > 0),
	state text not null check (state in ('planned', 'selecting', 'collecting', 'aggregating', 'evaluating', 'accepted', 'rejected', 'abandoned')),
	epoch int not null check (epoch > 0),
	base bytea not null references checkpoints,
	seed bytea not null check (octet_length(seed) = 32),
	origin bigint references rounds,
	cohort bigint[] not null default '{}',
	wanted int not null check (wanted >= 0),
	checkpoint bytea references checkpoints,
	arithmetic text not null,
	weight bigint not null default 0,
	records bigint not null default 0,
	loss_base text not null default '',
	loss_before text not null default '',
	loss_after text not null default '',
	unigram text not null default '',
	reason text not null default '',
	planned_at timestamptz not null,
	collecting_at timestamptz,
	deadline timestamptz,
	aggregating_at timestamptz,
	evaluating_at timestamptz,
	evaluate_by timestamptz,
	ended_at timestamptz,
	unique (campaign, number, attempt)
);
comment on table rounds is 'Attempts at each round of a campaign. A transition is an update guarded by state and epoch, and raises the epoch. Written by training/rounds only.';
comment on column rounds.epoch is 'rises with every transition: a server or a node that woke up late holds an old one';
comment on column rounds.seed is 'cohort seed: SHA-256 over decision hash, campaign, number and attempt; a replay keeps the seed of the round that it replays. Training seeds are derived from it and the node';
comment on column rounds.origin is 'the accepted round that this one replays; nodes know their text of that time by its id';
comment on column rounds.cohort is 'nodes asked, ascending';
comment on column rounds.wanted is 'updates at which collection ends before the deadline';
comment on column rounds.loss_before is 'mean loss of the base on members'' own validation records, in nats, a decimal string as in the log; loss_after is that of the checkpoint, loss_base that of the campaign''s base on the same records';
create unique index rounds_running on rounds (campaign) where state in ('planned', 'selecting', 'collecting', 'aggregating', 'evaluating');
create unique index rounds_accepted on rounds (campaign, number) where state = 'accepted';

create table assignments (
	id bigint generated always as identity primary key,
	campaign bigint not null references campaigns,
	round bigint references rounds,
	unlearning bigint,
	node bigint not null,
	owner bigint not null,
	kind text not null check (kind in ('train', 'evaluate', 'probe', 'suppress')),
	decision bigint not null,
	origin bigint,
	audits bigint references rounds,
	epoch int not null,
	base bytea not null references checkpoints,
	seed bigint not null,
	most bigint not null check (most > 0),
	manifest bytea,
	forget text not null default '',
	state text not null check (state in ('open', 'done', 'refused', 'closed')),
	expires_at timestamptz not null,
	report text not null default '',
	reported_at timestamptz,
	unique nulls not distinct (round, unlearning, node, kind, base),
	check ((round is null) <> (unlearning is null))
);
comment on table assignments is 'What one node is asked to do. Written by training/rounds only.';
comment on column assignments.campaign is 'the campaign that asks; for an unlearning case, the campaign that is unlearned';
comment on column assignments.decision is 'audit_entries.id of the mandate';
comment on column assignments.origin is 'audit_entries.id of the decision to train, where the mandate is to unlearn';
comment on column assignments.audits is 'the replayed round that an auditor of an unlearning case trains again';
comment on column assignments.seed is 'training seed, 64 bits in two''s complement';
comment on column assignments.most is 'examples that are counted at most';
comment on column assignments.manifest is 'root of the manifest that a replay must train on; null where any does';
comment on column assignments.report is 'JSON of the report as it was taken, for auditors; measurements in it are floats and never enter the log as such';
create index assignments_open on assignments (node) where state = 'open';
create index assignments_unlearning on assignments (unlearning) where unlearning is not null;

create table round_leases (
	assignment bigint primary key references assignments,
	node bigint not null,
	until timestamptz not null
);
comment on table round_leases is 'Until when a node has an assignment in work. Housekeeping: a lost lease is only given out again. Written by training/rounds only.';

create table blob_candidates (
	assignment bigint primary key references assignments,
	digest bytea not null check (octet_length(digest) = 32),
	sealed bytea not null check (octet_length(sealed) = 32),
	at timestamptz not null
);
comment on table blob_candidates is 'Updates that were uploaded, checked and encrypted, and that no report has named yet. Housekeeping. Written by training/rounds only.';

create table updates (
	round bigint not null references rounds,
	node bigint not null,
	owner bigint not null,
	assignment bigint not null unique references assignments,
	digest bytea not null check (octet_length(digest) = 32),
	sealed bytea not null check (octet_length(sealed) = 32),
	examples bigint not null check (examples > 0),
	weight bigint not null default 0,
	manifest bytea not null check (octet_length(manifest) = 32),
	norm double precision not null default 0,
	tokens bigint not null,
	destroyed_at timestamptz,
	primary key (round, node)
);
comment on table updates is 'Updates that were taken: at most one of a node in a round. The numbers themselves are blobs encrypted to the contributor''s key. Written by training/rounds only.';
comment on column updates.digest is 'SHA-256 of the update''s safetensors file';
comment on column updates.sealed is 'SHA-256 of its encrypted form, the name of the blob';
comment on column updates.weight is 'what it counted for in the mean, after the cap per member; 0 before aggregation';
comment on column updates.destroyed_at is 'when the key that opens it was destroyed';
