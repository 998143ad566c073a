package unlearning

import (
	"context"
	"encoding/json"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/jackc/pgx/v5"
)

// Format names the form of a certificate.
const Format = "althing unlearning certificate v1"

// Certificate is the public record of a case: what was decided, what was
// trained again and from what, what was measured. It holds digests, counts
// and decimal strings, no text and no names; each can be compared with the log
// and, by who may read the updates, computed again.
type Certificate struct {
	Format       string                `json:"format"`
	Case         training.UnlearningID `json:"case"`
	Proposal     governance.ProposalID `json:"proposal"`
	Decision     governance.EntryID    `json:"decision"`
	DecisionHash training.Digest       `json:"decision_hash"` // leaf hash in the log
	Campaign     training.CampaignID   `json:"campaign"`
	Replay       training.CampaignID   `json:"replay"`
	Contributor  governance.MemberID   `json:"contributor"`
	Method       string                `json:"method"`
	Arithmetic   string                `json:"arithmetic"`
	Clean        training.Digest       `json:"clean"`   // checkpoint that the records never touched
	Tainted      training.Digest       `json:"tainted"` // last checkpoint that they touched
	Result       training.Digest       `json:"result"`
	Version      training.VersionID    `json:"version"`
	Withdrawn    []training.VersionID  `json:"withdrawn"`
	Marked       int64                 `json:"marked"` // checkpoints tainted
	Suppressed   []Suppression         `json:"suppressed"`
	Rounds       []ReplayedRound       `json:"rounds"`
	Verdict      Verdict               `json:"verdict"`
	Destroyed    int                   `json:"destroyed"` // stored updates whose key is gone
}

// Suppression is one node's acknowledgement.
type Suppression struct {
	Node         governance.NodeID `json:"node"`
	Acknowledged bool              `json:"acknowledged"`
	Records      int64             `json:"records"` // held back for ever
}

// ReplayedRound puts a replayed round beside the one it replays.
type ReplayedRound struct {
	Number   int                 `json:"number"`
	Origin   training.RoundID    `json:"origin"`
	Replay   training.RoundID    `json:"replay"`
	Seed     training.Digest     `json:"seed"`
	Skipped  bool                `json:"skipped"` // fewer than two members remained
	Cohort   []governance.NodeID `json:"cohort"`  // whose updates counted then
	Remained []governance.NodeID `json:"remained"`
	Before   training.Digest     `json:"before"` // checkpoint then
	After    training.Digest     `json:"after"`  // checkpoint of the replay
	Updates  []ReplayedUpdate    `json:"updates"`
}

// ReplayedUpdate is one node's part in a replayed round.
type ReplayedUpdate struct {
	Node     governance.NodeID `json:"node"`
	Digest   training.Digest   `json:"digest"`
	Weight   int64             `json:"weight"`
	Manifest training.Digest   `json:"manifest"`
	Recorded bool              `json:"recorded"` // the manifest is the one of the round that is replayed
}

// Bytes returns the canonical JSON whose digest stands in the log.
func (c Certificate) Bytes() ([]byte, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("certificate of case %d: %w", c.Case, err)
	}
	return translog.Canonical(raw)
}

// Draft writes the certificate of a case as it stands now.
func (s *Store) Draft(ctx context.Context, id training.UnlearningID) (Certificate, error) {
	c, err := s.Case(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	_, hash, err := rounds.DecisionOf(ctx, s.pool, c.Decision)
	if err != nil {
		return Certificate{}, err
	}
	cert := Certificate{
		Format: Format, Case: id, Proposal: c.Proposal, Decision: c.Decision, DecisionHash: training.Digest(hash), Campaign: c.Campaign,
		Replay: c.Replay, Contributor: c.Contributor, Method: "rollback", Arithmetic: training.Arithmetic, Clean: c.Clean,
		Tainted: c.Tainted, Result: c.Result, Version: c.Version, Withdrawn: c.Withdrawn, Marked: c.Marked, Verdict: c.Verdict,
	}
	if cert.Suppressed, err = s.suppressions(ctx, id); err != nil {
		return cert, err
	}
	sealed, err := s.rounds.Sealed(ctx, c.Contributor)
	if err != nil {
		return cert, err
	}
	cert.Destroyed = len(sealed)
	if c.Replay == 0 {
		return cert, nil
	}
	replayed, err := s.rounds.Rounds(ctx, c.Replay)
	if err != nil {
		return cert, err
	}
	for _, r := range replayed {
		if r.State == rounds.Accepted || r.State == rounds.Abandoned && r.CollectingAt == nil {
			line, err := s.replayed(ctx, r)
			if err != nil {
				return cert, err
			}
			cert.Rounds = append(cert.Rounds, line)
		}
	}
	return cert, nil
}

func (s *Store) replayed(ctx context.Context, r rounds.Round) (ReplayedRound, error) {
	line := ReplayedRound{Number: r.Number, Origin: r.Origin, Replay: r.ID, Seed: r.Seed, Skipped: r.State != rounds.Accepted, After: r.Checkpoint}
	origin, err := s.rounds.Round(ctx, r.Origin)
	if err != nil {
		return line, err
	}
	line.Before = origin.Checkpoint
	then, err := s.rounds.Updates(ctx, r.Origin)
	if err != nil {
		return line, err
	}
	manifests := map[governance.NodeID]training.Digest{}
	for _, u := range then {
		if u.Weight > 0 {
			line.Cohort = append(line.Cohort, u.Node)
			manifests[u.Node] = u.Manifest
		}
	}
	now, err := s.rounds.Updates(ctx, r.ID)
	if err != nil {
		return line, err
	}
	for _, u := range now {
		line.Remained = append(line.Remained, u.Node)
		line.Updates = append(line.Updates, ReplayedUpdate{
			Node: u.Node, Digest: u.Digest, Weight: u.Weight, Manifest: u.Manifest, Recorded: u.Manifest == manifests[u.Node],
		})
	}
	return line, nil
}

func (s *Store) suppressions(ctx context.Context, id training.UnlearningID) ([]Suppression, error) {
	const q = `select node, state = 'done', report from assignments where unlearning = @id and kind = 'suppress' order by node`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Suppression, error) {
		var line Suppression
		var report string
		if err := row.Scan(&line.Node, &line.Acknowledged, &report); err != nil || report == "" {
			return line, err
		}
		rep, err := protocol.Decode[protocol.Report]([]byte(report))
		line.Records = rep.Suppressed
		return line, err
	})
	if err != nil {
		return nil, fmt.Errorf("read suppressions of case %d: %w", id, err)
	}
	return found, nil
}
