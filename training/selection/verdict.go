package selection

import (
	"fmt"

	"codeberg.org/althing/althing/governance"
)

// Reason says in one word why a node was or was not chosen; it may be kept.
type Reason string

// Reasons of those who were chosen.
const (
	ByLot       Reason = "lot"
	ForFloor    Reason = "floor"   // Verdict.Stratum says which
	WaitedLong  Reason = "waited"  // longest without a round
	MostUtility Reason = "utility" // Oort
	HighLoss    Reason = "loss"    // power of choice
	Near        Reason = "near"
)

// Reasons of those who were not.
const (
	NotEnoughMemory Reason = "memory"
	NotMeasured     Reason = "not measured"
	TooSlow         Reason = "slow"
	TooFar          Reason = "far"
	OnBattery       Reason = "battery"
	OnMeteredLine   Reason = "metered"
	MemberFull      Reason = "member's cap"
	OthersFirst     Reason = "others first"
)

// Verdict is what became of one candidate.
type Verdict struct {
	Node    governance.NodeID
	Owner   governance.MemberID
	Place   int // order in which it was chosen, from 1; 0 if it was not
	Reason  Reason
	Stratum Stratum // of ForFloor
	Wants   int64   // what was needed and what there was, in the unit of the reason
	Has     int64
}

// Chosen reports whether the node is in the cohort.
func (v Verdict) Chosen() bool { return v.Place > 0 }

// Words returns the reason as the round's page says it.
func (v Verdict) Words() string {
	const mib = 1 << 20
	switch v.Reason {
	case ByLot:
		return "chosen by lot"
	case ForFloor:
		return "chosen for the floor of " + v.Stratum.String()
	case WaitedLong:
		return "chosen because it waited longest"
	case MostUtility:
		return "chosen because its last round promises most"
	case HighLoss:
		return "chosen because the model serves its text badly"
	case Near:
		return "chosen because it is near"
	case NotEnoughMemory:
		return fmt.Sprintf("not enough memory: %d MiB needed, %d there", (v.Wants+mib-1)/mib, v.Has/mib)
	case NotMeasured:
		return "its memory, speed or round trip is not known yet"
	case TooSlow:
		return fmt.Sprintf("too slow: %d tokens a second needed, %d measured", v.Wants, v.Has)
	case TooFar:
		return fmt.Sprintf("too far: a round trip of %d ms at most, %d measured", v.Wants, v.Has)
	case OnBattery:
		return "runs on battery"
	case OnMeteredLine:
		return "its line is metered"
	case MemberFull:
		return fmt.Sprintf("member's cap: %d of the member's nodes were chosen", v.Wants)
	}
	return "others came first"
}
