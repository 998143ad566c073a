package audit

import (
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
)

// State is what entries alone say: who may do what, how each poll stands,
// what each round came to. It is rebuilt by Replay and compared with tables,
// pages and other people's rebuilds.
type State struct {
	Rights   map[governance.MemberID]map[string]bool // rights and offices held now
	Policies map[string]string                       // parameter → value in force
	Polls    map[governance.PollID]*PollState
	Rounds   map[int64]*RoundState
	Versions map[int64]string // version → digest of its weights, hex
}

// PollState is one poll as its entries tell it.
type PollState struct {
	About   governance.Ref // the proposal or election that asks
	Rule    string         // canonical JSON of the frozen rule
	Roll    int64          // members on the frozen roll
	Secret  bool
	Ballots map[governance.MemberID]string // public: choice; secret: hash of the envelope
	Opened  [][]int                        // secret: the rankings published at the close, sorted by tracker
	Closed  bool
	Beacon  string // secret: drawn at the close, breaks ties, hex
	Result  string // canonical JSON of what the count said
}

// RoundState is one round as its entries tell it.
type RoundState struct {
	Campaign   int64
	State      string
	Base       string            // digest of the checkpoint it began from, hex
	Cohort     []int64           // nodes, ascending
	Updates    map[int64]string  // node → digest of its update, hex
	Examples   map[int64]int64   // node → examples counted
	Checkpoint string            // digest of the result, hex
	Figures    map[string]string // measured, as decimal strings
}

// NewState returns the state before the first entry.
func NewState() *State {
	return &State{
		Rights:   map[governance.MemberID]map[string]bool{},
		Policies: map[string]string{},
		Polls:    map[governance.PollID]*PollState{},
		Rounds:   map[int64]*RoundState{},
		Versions: map[int64]string{},
	}
}

// Poll returns a poll that must have been opened.
func (s *State) Poll(id governance.PollID) (*PollState, error) {
	p, ok := s.Polls[id]
	if !ok {
		return nil, fmt.Errorf("poll %d was never opened", id)
	}
	return p, nil
}

// Round returns a round that must have been planned.
func (s *State) Round(id int64) (*RoundState, error) {
	r, ok := s.Rounds[id]
	if !ok {
		return nil, fmt.Errorf("round %d was never planned", id)
	}
	return r, nil
}

// Grant notes a right as held or no longer held.
func (s *State) Grant(member governance.MemberID, right string, held bool) {
	if s.Rights[member] == nil {
		s.Rights[member] = map[string]bool{}
	}
	if held {
		s.Rights[member][right] = true
	} else {
		delete(s.Rights[member], right)
	}
}

// Apply adds one entry to the state. An entry of a kind that this program
// does not know is an error: what cannot be read cannot be vouched for.
func (s *State) Apply(e translog.Entry) error {
	ev, err := decodeEvent(e)
	if err != nil {
		return err
	}
	if string(ev.Subject()) != e.Subject {
		return fmt.Errorf("the entry says subject %s, its fields say %s", e.Subject, ev.Subject())
	}
	r, ok := ev.(Replayer)
	if !ok {
		return nil
	}
	return r.Replay(s, e)
}

// Replay rebuilds the state of a log that Verify has just checked: pass its
// visit function to translog.Verify.
func Replay() (*State, func(int64, translog.Entry) error) {
	s := NewState()
	return s, func(_ int64, e translog.Entry) error { return s.Apply(e) }
}

// ErrContradiction marks entries that cannot both be true, as a ballot in a
// closed poll or a result that the ballots do not give.
var ErrContradiction = errors.New("the log contradicts itself")
