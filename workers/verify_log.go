package workers

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// roundLog is what the log says of one round and of what it came from. It is
// filled while the log is verified, entry by entry.
type roundLog struct {
	round training.RoundID

	state      *audit.State
	replay     func(int64, translog.Entry) error
	checkpoint translog.Checkpoint

	owners     map[governance.NodeID]governance.MemberID
	decisions  map[governance.ProposalID]tlog.Hash // leaf hash of each decision
	campaigns  map[training.CampaignID]rounds.CampaignOpened
	rounds     map[training.RoundID]training.CampaignID
	aggregates map[training.CampaignID][]rounds.RoundAggregated
	opened     *rounds.RoundOpened
	updates    map[governance.NodeID]rounds.UpdateReceived
	aggregated *rounds.RoundAggregated
	places     [2]int64 // of opened and aggregated in the log
}

// readRoundLog verifies a log and everything that follows from its entries,
// and keeps what it says of a round.
func readRoundLog(fetch translog.Fetch, verifier note.Verifier, round training.RoundID) (*roundLog, error) {
	l := &roundLog{
		round: round, owners: map[governance.NodeID]governance.MemberID{}, decisions: map[governance.ProposalID]tlog.Hash{},
		campaigns: map[training.CampaignID]rounds.CampaignOpened{}, rounds: map[training.RoundID]training.CampaignID{},
		aggregates: map[training.CampaignID][]rounds.RoundAggregated{}, updates: map[governance.NodeID]rounds.UpdateReceived{},
	}
	l.state, l.replay = audit.Replay()
	var err error
	if l.checkpoint, err = translog.Verify(fetch, verifier, l.visit); err != nil {
		return nil, err
	}
	switch {
	case l.opened == nil:
		return nil, fmt.Errorf("the log, of %d entries, opens no round %d", l.checkpoint.Size, round)
	case l.opened.Origin != 0:
		return nil, fmt.Errorf("round %d trains round %d again, and only rounds that train are verified", round, l.opened.Origin)
	case l.aggregated == nil:
		return nil, fmt.Errorf("the log, of %d entries, holds no aggregate of round %d", l.checkpoint.Size, round)
	}
	return l, nil
}

// visit takes one entry.
func (l *roundLog) visit(index int64, e translog.Entry) error {
	if err := l.replay(index, e); err != nil {
		return err
	}
	switch e.Kind {
	case nodes.Joined{}.Kind():
		return take(e, func(v nodes.Joined) error { l.owners[v.Node] = v.Owner; return nil })
	case protocol.DecisionKind:
		data, err := e.Encode()
		if err != nil {
			return err
		}
		return take(e, func(v protocol.Decision) error {
			l.decisions[governance.ProposalID(v.Proposal)] = tlog.RecordHash(data)
			return nil
		})
	case rounds.CampaignOpened{}.Kind():
		return take(e, func(v rounds.CampaignOpened) error { l.campaigns[v.Campaign] = v; return nil })
	case rounds.RoundOpened{}.Kind():
		return take(e, func(v rounds.RoundOpened) error {
			l.rounds[v.Round] = v.Campaign
			if v.Round == l.round {
				l.opened, l.places[0] = &v, index
			}
			return nil
		})
	case rounds.UpdateReceived{}.Kind():
		return take(e, func(v rounds.UpdateReceived) error {
			if v.Round == l.round {
				l.updates[v.Node] = v
			}
			return nil
		})
	case rounds.RoundAggregated{}.Kind():
		return take(e, func(v rounds.RoundAggregated) error {
			if l.aggregated == nil { // what came later spends no privacy of this round
				c := l.rounds[v.Round]
				l.aggregates[c] = append(l.aggregates[c], v)
			}
			if v.Round == l.round {
				l.aggregated, l.places[1] = &v, index
			}
			return nil
		})
	}
	return nil
}

// take reads the fields of an entry, of which replay has checked the form.
func take[T any](e translog.Entry, keep func(T) error) error {
	var v T
	if err := json.Unmarshal(e.Data, &v); err != nil {
		return err
	}
	return keep(v)
}

// spent counts the rounds of the member who took part in most, with this one.
func (l *roundLog) spent() int {
	count := map[governance.MemberID]int{}
	for _, a := range l.aggregates[l.opened.Campaign] {
		in := map[governance.MemberID]bool{}
		for i, n := range a.Nodes {
			if i < len(a.Weights) && a.Weights[i] > 0 || a.Round == l.round {
				in[l.owners[n]] = true
			}
		}
		for o := range in {
			count[o]++
		}
	}
	most := 0
	for n := range l.updates {
		most = max(most, count[l.owners[n]])
	}
	return most
}

// differs is one field in which round.json and the log do not agree.
func differs(what string, file, log any) error {
	return fmt.Errorf("%s: %s is %v, the log says %v", roundFile, what, file, log)
}

// compare holds round.json against the log, field by field.
func (l *roundLog) compare(f RoundFile) error {
	c, ok := l.campaigns[l.opened.Campaign]
	if !ok {
		return fmt.Errorf("the log opens round %d in campaign %d, which it never opened", l.round, l.opened.Campaign)
	}
	recipe, err := protocol.ParseRecipe([]byte(c.Recipe))
	if err != nil {
		return fmt.Errorf("the recipe in the log: %w", err)
	}
	server := ""
	if f.ServerBase != nil {
		server = f.ServerBase.Hex()
	}
	for _, x := range []struct {
		what      string
		file, log any
	}{
		{"round", f.Round, l.round}, {"campaign", f.Campaign, l.opened.Campaign}, {"number", f.Number, l.opened.Number},
		{"base", f.Base.Hex(), l.opened.Base}, {"seed", f.Seed.Hex(), l.opened.Seed}, {"nodes present", f.Present, l.opened.Present},
		{"updates wanted", f.Wanted, l.opened.Wanted}, {"recipe", f.Recipe, recipe}, {"largest share", f.MaxShare, c.Settings.MaxShare},
		{"checkpoint", f.Checkpoint.Hex(), l.aggregated.Checkpoint}, {"what the server's rule kept before", server, l.aggregated.ServerBase},
		{"number of updates", len(f.Updates), len(l.updates)},
	} {
		if x.file != x.log {
			return differs(x.what, x.file, x.log)
		}
	}
	if len(l.aggregated.Nodes) != len(f.Updates) {
		return differs("number of updates that were aggregated", len(f.Updates), len(l.aggregated.Nodes))
	}
	for i, u := range f.Updates {
		if err := l.compareUpdate(recipe, i, u); err != nil {
			return err
		}
	}
	return l.compareChecks(f)
}

func (l *roundLog) compareUpdate(recipe protocol.Recipe, i int, u ArchivedUpdate) error {
	came, ok := l.updates[u.Node]
	if !ok || l.aggregated.Nodes[i] != u.Node {
		return fmt.Errorf("%s: an update of node %d, which the log does not aggregate at this place", roundFile, u.Node)
	}
	owner, ok := l.owners[u.Node]
	if !ok {
		return fmt.Errorf("the log never says whose node %d is", u.Node)
	}
	steps := came.Steps // the log tells those of partial work
	if steps == 0 && u.Steps != 0 {
		steps = int64(recipe.Steps)
	}
	for _, x := range []struct {
		what      string
		file, log any
	}{
		{"owner", u.Owner, owner}, {"digest", u.Digest.Hex(), came.Digest}, {"manifest", u.Manifest.Hex(), came.Manifest},
		{"examples", u.Examples, came.Examples}, {"steps", u.Steps, steps}, {"weight", u.Weight, l.aggregated.Weights[i]},
	} {
		if x.file != x.log {
			return differs(fmt.Sprintf("%s of node %d", x.what, u.Node), x.file, x.log)
		}
	}
	return nil
}

// compareChecks holds what the checks decided against the lists in the log,
// and their values against the digest.
func (l *roundLog) compareChecks(f RoundFile) error {
	has := func(list []governance.NodeID, n governance.NodeID) bool {
		for _, x := range list {
			if x == n {
				return true
			}
		}
		return false
	}
	for _, u := range f.Updates {
		held, rejected := u.Outcome == rounds.CheckHold, u.Outcome == rounds.CheckReject
		counts := !held && !rejected
		for _, x := range []struct {
			what      string
			file, log bool
		}{
			{"held", held, has(l.aggregated.Held, u.Node)}, {"rejected", rejected, has(l.aggregated.Rejected, u.Node)},
			{"clipped", counts && u.Scale != "", has(l.aggregated.Clipped, u.Node)}, {"lowered", counts && u.Divisor > 1, has(l.aggregated.Lowered, u.Node)},
		} {
			if x.file != x.log {
				return differs(fmt.Sprintf("that node %d is %s by the checks", u.Node, x.what), x.file, x.log)
			}
		}
	}
	digest := ""
	if len(f.Checks) > 0 {
		text, err := json.Marshal(f.Checks)
		if err != nil {
			return err
		}
		sum := training.DigestOf(text)
		digest = hex.EncodeToString(sum[:])
	}
	if digest != l.aggregated.Checks {
		return differs("digest of the values of the checks", digest, l.aggregated.Checks)
	}
	return nil
}

// seed draws the round's chance again from the decision, which was in the log
// before anyone knew the campaign's number.
func (l *roundLog) seed() error {
	c := l.campaigns[l.opened.Campaign]
	decision, ok := l.decisions[c.Proposal]
	if !ok {
		return fmt.Errorf("the log holds no decision of proposal %d, which campaign %d names", c.Proposal, c.Campaign)
	}
	want := rounds.CohortSeed(decision, c.Campaign, l.opened.Number, l.opened.Attempt)
	if got := l.opened.Seed; got != hex.EncodeToString(want[:]) {
		return fmt.Errorf("the seed of round %d is %s, the decision of proposal %d gives %x", l.round, got, c.Proposal, want)
	}
	return nil
}
