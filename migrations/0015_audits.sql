-- +goose Up
create table audits (
	decision bigint primary key,
	proposal bigint not null,
	round bigint references rounds,
	campaign bigint references campaigns,
	member bigint not null references members,
	recipient text not null check (recipient like 'age1%'),
	named_at timestamptz not null,
	check (num_nonnulls(round, campaign) = 1)
);
comment on table audits is 'Members whom a decision lets read the updates of a round or of a campaign. Written by training/rounds only.';
comment on column audits.decision is 'entry of the trail that adopted the motion; a decision names one auditor';
comment on column audits.recipient is 'age X25519 public key of the auditor: updates leave the platform encrypted to it';
create index audits_member on audits (member);
