package elections

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/governance/voting"
)

func ref(id governance.ElectionID) governance.Ref { return governance.RefTo(RefElection, id) }

func pollRef(id governance.PollID) []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefPoll, id)}
}

// Called: an election began.
type Called struct {
	Election    governance.ElectionID `json:"election"`
	Office      members.Group         `json:"office"`
	Seats       int                   `json:"seats"`
	Nominations string                `json:"nominations"` // until when members may stand
}

// Kind is for ever.
func (Called) Kind() string { return "election.called" }

// Subject is the election.
func (e Called) Subject() governance.Ref { return ref(e.Election) }

// Sentence says what a stranger reads.
func (e Called) Sentence() audit.Sentence {
	return audit.Say("called ", e.Subject(), seatsText(e.Seats))
}

func seatsText(n int) string {
	if n == 1 {
		return ", for one seat"
	}
	return fmt.Sprintf(", for %d seats", n)
}

// Stood: a member became a candidate or gave another statement.
type Stood struct {
	Election  governance.ElectionID `json:"election"`
	Statement string                `json:"statement"` // hex digest of salt and statement
}

// Kind is for ever.
func (Stood) Kind() string { return "election.stood" }

// Subject is the election.
func (e Stood) Subject() governance.Ref { return ref(e.Election) }

// Sentence says what a stranger reads.
func (e Stood) Sentence() audit.Sentence {
	return audit.Say("stands in ", e.Subject(), " with a statement")
}

// Withdrew: a candidate withdrew before voting opened.
type Withdrew struct {
	Election governance.ElectionID `json:"election"`
}

// Kind is for ever.
func (Withdrew) Kind() string { return "election.withdrew" }

// Subject is the election.
func (e Withdrew) Subject() governance.Ref { return ref(e.Election) }

// Sentence says what a stranger reads.
func (e Withdrew) Sentence() audit.Sentence {
	return audit.Say("no longer stands in ", e.Subject())
}

// Opened: voting began. The poll's rule is the manifest.
type Opened struct {
	Election governance.ElectionID `json:"election"`
	Poll     voting.Opened         `json:"poll"`
}

// Kind is for ever.
func (Opened) Kind() string { return "election.opened" }

// Subject is the election.
func (e Opened) Subject() governance.Ref { return ref(e.Election) }

// About is the poll.
func (e Opened) About() []governance.Ref { return pollRef(e.Poll.Poll) }

// Sentence says what a stranger reads.
func (e Opened) Sentence() audit.Sentence {
	return audit.Say("opened the secret ballot of ", e.Subject(),
		fmt.Sprintf(" to %d voters, with %d candidates", e.Poll.Roll, e.Poll.Options))
}

// Replay opens the poll in a rebuilt state and checks that its manifest is
// whole.
func (e Opened) Replay(s *audit.State, _ translog.Entry) error {
	m, digest, err := ParseManifest(e.Poll.Rule)
	if err != nil {
		return err
	}
	if len(m.Candidates) != e.Poll.Options || m.Roll != e.Poll.RollDigest || hex.EncodeToString(digest[:]) != e.Poll.TextDigest {
		return fmt.Errorf("%w: the manifest of election %d is not what its opening says", audit.ErrContradiction, e.Election)
	}
	return voting.ReplayOpened(s, e.Subject(), e.Poll)
}

// Closed: no more ballots are taken. The hash of this entry is the beacon.
type Closed struct {
	Election  governance.ElectionID `json:"election"`
	Poll      governance.PollID     `json:"poll"`
	Envelopes int64                 `json:"envelopes"` // that will be opened
	List      string                `json:"list"`      // SHA-256 of their hashes in hex, sorted, a line each
}

// Kind is for ever.
func (Closed) Kind() string { return kindClosed }

const kindClosed = "election.closed"

// Subject is the election.
func (e Closed) Subject() governance.Ref { return ref(e.Election) }

// About is the poll.
func (e Closed) About() []governance.Ref { return pollRef(e.Poll) }

// Sentence says what a stranger reads.
func (e Closed) Sentence() audit.Sentence {
	return audit.Say("closed the ballot of ", e.Subject(), fmt.Sprintf("; %d sealed ballots will be opened", e.Envelopes))
}

// Replay closes the poll and draws the beacon. The list of envelopes cannot be
// rebuilt where a member sealed twice, because the log does not tell which
// came last; their number can.
func (e Closed) Replay(s *audit.State, entry translog.Entry) error {
	p, err := s.Poll(e.Poll)
	if err != nil {
		return err
	}
	if p.Closed || !p.Secret || int64(len(p.Ballots)) != e.Envelopes {
		return fmt.Errorf("%w: the close of election %d", audit.ErrContradiction, e.Election)
	}
	data, err := entry.Encode()
	if err != nil {
		return err
	}
	leaf := sha256.Sum256(append([]byte{0}, data...))
	p.Closed, p.Beacon = true, hex.EncodeToString(leaf[:])
	return nil
}

// Voided: the election came to nothing.
type Voided struct {
	Election governance.ElectionID `json:"election"`
	Reason   string                `json:"reason"`
}

// Kind is for ever.
func (Voided) Kind() string { return "election.voided" }

// Subject is the election.
func (e Voided) Subject() governance.Ref { return ref(e.Election) }

// Sentence says what a stranger reads.
func (e Voided) Sentence() audit.Sentence {
	return audit.Say("declared ", e.Subject(), " void. "+e.Reason)
}

// Certification: the ballots were opened, counted and published.
type Certification struct {
	Election governance.ElectionID `json:"election"`
	Office   members.Group         `json:"office"`
	Counted  voting.Counted        `json:"counted"`
	// Granted of the elected hold the office now; who has left does not.
	Granted []governance.MemberID `json:"granted"`
	Until   string                `json:"until"` // end of the term
	// Ballots and Rejected (hashes of envelopes, hex) are here when they fit
	// into an entry; their digest and number are in the result in any case.
	Ballots  []string `json:"ballots"`
	Rejected []string `json:"rejected"`
	Whole    bool     `json:"whole"` // Ballots and Rejected are complete
}

// Kind is for ever.
func (Certification) Kind() string { return "election.certified" }

// Subject is the election.
func (e Certification) Subject() governance.Ref { return ref(e.Election) }

// About is the poll and who was elected.
func (e Certification) About() []governance.Ref {
	refs := pollRef(e.Counted.Poll)
	for _, m := range e.Granted {
		refs = append(refs, governance.RefTo(governance.RefMember, m))
	}
	return refs
}

// Sentence says what a stranger reads.
func (e Certification) Sentence() audit.Sentence {
	if len(e.Granted) == 0 {
		return audit.Say("certified ", e.Subject(), ": nobody was elected")
	}
	say := audit.Say("certified ", e.Subject(), "; elected: ")
	for i, m := range e.Granted {
		if i > 0 {
			say = append(say, audit.Part{Text: ", "})
		}
		say = append(say, audit.Part{Ref: governance.RefTo(governance.RefMember, m)})
	}
	return say
}

// Replay counts the ballots of the entry again and gives the elected their
// office. Where the list did not fit into the entry, the count needs the
// published list besides; its digest is in the result.
func (e Certification) Replay(s *audit.State, _ translog.Entry) error {
	p, err := s.Poll(e.Counted.Poll)
	if err != nil {
		return err
	}
	if !p.Closed || p.Result != "" {
		return fmt.Errorf("%w: election %d is certified while its poll is not waiting for it", audit.ErrContradiction, e.Election)
	}
	if e.Whole {
		if err := e.recount(p); err != nil {
			return err
		}
	}
	p.Result = e.Counted.Result
	for _, m := range e.Granted {
		members.ReplayGrant(s, m, e.Office, true)
	}
	return nil
}

func (e Certification) recount(p *audit.PollState) error {
	m, digest, err := ParseManifest(p.Rule)
	if err != nil {
		return err
	}
	beacon, err := hex.DecodeString(p.Beacon)
	if err != nil {
		return err
	}
	if got := len(e.Ballots) + len(e.Rejected); got != len(p.Ballots) {
		return fmt.Errorf("%w: election %d opened %d of %d envelopes", audit.ErrContradiction, e.Election, got, len(p.Ballots))
	}
	result, err := m.result(digest, beacon, e.Ballots, int64(len(e.Rejected)))
	if err != nil {
		return err
	}
	text, err := canonical(result)
	if err != nil {
		return err
	}
	if text != e.Counted.Result {
		return fmt.Errorf("%w: the ballots of election %d give %s, the entry says %s", audit.ErrContradiction, e.Election, text, e.Counted.Result)
	}
	p.Opened = [][]int{}
	for _, line := range e.Ballots {
		_, ranking, err := parseLine(line)
		if err != nil {
			return err
		}
		p.Opened = append(p.Opened, ranking)
	}
	return nil
}

// Destroyed: the sealed envelopes of a certified election are gone.
type Destroyed struct {
	Election  governance.ElectionID `json:"election"`
	Poll      governance.PollID     `json:"poll"`
	Envelopes int64                 `json:"envelopes"`
}

// Kind is for ever.
func (Destroyed) Kind() string { return "election.envelopes-destroyed" }

// Subject is the election.
func (e Destroyed) Subject() governance.Ref { return ref(e.Election) }

// About is the poll.
func (e Destroyed) About() []governance.Ref { return pollRef(e.Poll) }

// Sentence says what a stranger reads.
func (e Destroyed) Sentence() audit.Sentence {
	return audit.Say(fmt.Sprintf("destroyed the %d sealed envelopes of ", e.Envelopes), e.Subject())
}

var (
	_ = audit.Register[Called]()
	_ = audit.Register[Stood]()
	_ = audit.Register[Withdrew]()
	_ = audit.Register[Opened]()
	_ = audit.Register[Closed]()
	_ = audit.Register[Voided]()
	_ = audit.Register[Certification]()
	_ = audit.Register[Destroyed]()
)
