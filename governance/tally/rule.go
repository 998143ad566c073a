package tally

import (
	"errors"
	"fmt"
)

// Rule is a named, versioned decision rule over counts of yes, no and abstain.
// Each parameter that is set adds one condition; all must hold. A poll freezes
// the whole value when it opens, so a later vote on the rule's numbers cannot
// reach back. Every threshold is a fraction of integers.
//
// The named rules of the catalogue are made by the functions below it; a
// community may vote other numbers into them, add Groups and Objections to
// any, and [Rule.Validate] keeps them sound.
type Rule struct {
	Name    string `json:"name"`
	Version int    `json:"version"`

	// Quorum: yes, no and abstain together, as a share of the electorate.
	QuorumNum int64 `json:"quorum_num,omitempty"`
	QuorumDen int64 `json:"quorum_den,omitempty"`
	// Root: yes at least Num/Den × √electorate (Debian's quorum R = 3·√N/2).
	// It counts supporters only, so voting no never helps.
	RootNum int64 `json:"root_num,omitempty"`
	RootDen int64 `json:"root_den,omitempty"`
	// MinYes: at least so many yes (Apache: three binding +1).
	MinYes int64 `json:"min_yes,omitempty"`
	// Majority: more yes than no; a tie fails.
	Majority bool `json:"majority,omitempty"`
	// Share: yes as a share of yes and no, at least. Abstentions count for nothing.
	ShareNum int64 `json:"share_num,omitempty"`
	ShareDen int64 `json:"share_den,omitempty"`
	// Band: from this share of yes up to Share, closers decide (RfA: 65 to 75 %).
	BandNum int64 `json:"band_num,omitempty"`
	BandDen int64 `json:"band_den,omitempty"`
	// Long: from this share on, the longer term (ArbCom: 60 %).
	LongNum int64 `json:"long_num,omitempty"`
	LongDen int64 `json:"long_den,omitempty"`
	// Floor: yes as a share of the whole electorate, at least.
	FloorNum int64 `json:"floor_num,omitempty"`
	FloorDen int64 `json:"floor_den,omitempty"`
	// Ratio: at least so many yes for every no (Debian's 3:1).
	Ratio int64 `json:"ratio,omitempty"`
	// Veto: one no with a written reason blocks (Apache, code).
	Veto bool `json:"veto,omitempty"`
	// Hours of silence that count as consent; an objection turns it into a vote.
	Hours int64 `json:"hours,omitempty"`
	// Objections: each reasoned objection must have an answer, or in a round
	// of consent be resolved.
	Objections bool `json:"objections,omitempty"`
	// Group: in each stable group of opinion with at least GroupMin voters,
	// (yes+1)/(yes+no+2) is at least this share. Smaller groups are reported
	// and never block.
	GroupNum int64 `json:"group_num,omitempty"`
	GroupDen int64 `json:"group_den,omitempty"`
	GroupMin int64 `json:"group_min,omitempty"`
	// Chambers must each pass their own rule (dual-majority).
	Chambers []Chamber `json:"chambers,omitempty"`
}

// Chamber is one of several bodies that must agree, such as members and node
// operators.
type Chamber struct {
	Name string `json:"name"`
	Rule Rule   `json:"rule"`
}

// SimpleMajority: more yes than no, and a quorum of the electorate (num/den)
// in which abstentions count. A den of 0 means no quorum.
func SimpleMajority(num, den int64) Rule {
	return Rule{Name: "simple-majority", Version: 1, QuorumNum: num, QuorumDen: den, Majority: true}
}

// TwoThirds: 3·yes ≥ 2·(yes+no), more yes than no, and a quorum.
func TwoThirds(num, den int64) Rule {
	return Rule{Name: "two-thirds", Version: 1, QuorumNum: num, QuorumDen: den, ShareNum: 2, ShareDen: 3, Majority: true}
}

// ThreeQuartersPlusFloor: 4·yes ≥ 3·(yes+no), and yes from a share num/den of
// the whole electorate: the rule for destructive acts, where staying at home
// must not decide.
func ThreeQuartersPlusFloor(num, den int64) Rule {
	return Rule{Name: "three-quarters-plus-floor", Version: 1, ShareNum: 3, ShareDen: 4, FloorNum: num, FloorDen: den}
}

// Debian: yes (ballots that rank the option above the default) at least
// 3·√N/2, at least ratio times no, and more than no (constitution, A.6).
func Debian(ratio int64) Rule {
	return Rule{Name: "debian", Version: 1, RootNum: 3, RootDen: 2, Ratio: ratio, Majority: true}
}

// ApacheCode: three binding yes and no valid veto. A veto without a written
// technical reason is void.
func ApacheCode() Rule { return Rule{Name: "apache-code", Version: 1, MinYes: 3, Veto: true} }

// ApacheRelease: three binding yes and more yes than no; nobody can veto.
func ApacheRelease() Rule { return Rule{Name: "apache-release", Version: 1, MinYes: 3, Majority: true} }

// LazyConsensus: silence for so many hours is consent; one objection turns it
// into a vote.
func LazyConsensus(hours int64) Rule { return Rule{Name: "lazy-consensus", Version: 1, Hours: hours} }

// Consent: enough take part (num/den of the electorate) and no paramount
// objection is open. Concerns are recorded and do not block.
func Consent(num, den int64) Rule {
	return Rule{Name: "consent", Version: 1, QuorumNum: num, QuorumDen: den, Objections: true}
}

// RFABand: support ÷ (support+oppose) of 75 % passes, 65 % and more goes to
// the closers, less fails (Wikipedia's requests for adminship).
func RFABand() Rule {
	return Rule{Name: "rfa-band", Version: 1, ShareNum: 75, ShareDen: 100, BandNum: 65, BandDen: 100}
}

// ArbComPercent: half of support and oppose; from 60 % the long term. Seats
// are given by [SupportPercent].
func ArbComPercent() Rule {
	return Rule{Name: "arbcom-percent", Version: 1, ShareNum: 50, ShareDen: 100, LongNum: 60, LongDen: 100}
}

// DualMajority: every chamber passes its own rule on its own ballots.
func DualMajority(chambers ...Chamber) Rule {
	return Rule{Name: "dual-majority", Version: 1, Chambers: chambers}
}

// Bridging: 60 % overall, and half, smoothed, of every group of opinion with
// five voters.
func Bridging() Rule {
	return Rule{Name: "bridging", Version: 1, ShareNum: 60, ShareDen: 100, GroupNum: 1, GroupDen: 2, GroupMin: 5}
}

// Catalogue returns every named rule with the numbers that a new community
// starts from, in the order of the rules page.
func Catalogue() []Rule {
	return []Rule{
		LazyConsensus(72), SimpleMajority(1, 5), TwoThirds(3, 10), ThreeQuartersPlusFloor(2, 5), Debian(3),
		Consent(1, 2), ApacheCode(), ApacheRelease(), RFABand(), ArbComPercent(), Bridging(),
		DualMajority(Chamber{"members", TwoThirds(3, 10)}, Chamber{"node operators", SimpleMajority(1, 5)}),
	}
}

// maxFraction bounds the parts of a fraction; with counts of at most MaxWeight
// every product fits into 63 bits.
const maxFraction = 1_000_000

// Validate refuses rules that are unknown, that decide nothing, or whose
// numbers make no sense.
func (r Rule) Validate() error {
	if err := r.validate(); err != nil {
		return fmt.Errorf("rule %q: %w", r.Name, err)
	}
	return nil
}

func (r Rule) validate() error {
	if r.Version < 1 {
		return errors.New("the version is at least 1")
	}
	for _, f := range []struct {
		name     string
		num, den int64
		whole    bool // at most 1
	}{
		{"quorum", r.QuorumNum, r.QuorumDen, true}, {"root", r.RootNum, r.RootDen, false}, {"share", r.ShareNum, r.ShareDen, true},
		{"band", r.BandNum, r.BandDen, true}, {"long", r.LongNum, r.LongDen, true}, {"floor", r.FloorNum, r.FloorDen, true}, {"group", r.GroupNum, r.GroupDen, true},
	} {
		if f.num == 0 && f.den == 0 {
			continue
		}
		if f.num < 0 || f.den < 1 || f.num > maxFraction || f.den > maxFraction || f.whole && f.num > f.den {
			return fmt.Errorf("the %s %d/%d is no fraction that can be used", f.name, f.num, f.den)
		}
	}
	if r.MinYes < 0 || r.MinYes > MaxWeight || r.Ratio < 0 || r.Ratio > maxFraction || r.Hours < 0 || r.Hours > maxFraction || r.GroupMin < 0 || r.GroupMin > MaxWeight {
		return errors.New("a number is out of range")
	}
	if r.BandDen > 0 && (r.ShareDen == 0 || r.BandNum*r.ShareDen > r.ShareNum*r.BandDen) {
		return errors.New("the band of the closers must begin below the share that passes")
	}
	for i, c := range r.Chambers {
		if c.Name == "" || len(c.Rule.Chambers) > 0 {
			return fmt.Errorf("chamber %d needs a name and a rule without chambers of its own", i+1)
		}
		if err := c.Rule.Validate(); err != nil {
			return err
		}
	}
	return r.fits()
}

// fits checks that the parameters are those that the name promises.
func (r Rule) fits() error {
	ok, known := false, true
	switch r.Name {
	case "simple-majority", "apache-release":
		ok = r.Majority && (r.Name == "simple-majority" || r.MinYes > 0)
	case "two-thirds":
		ok = r.Majority && 3*r.ShareNum == 2*r.ShareDen && r.ShareDen > 0
	case "three-quarters-plus-floor":
		ok = 4*r.ShareNum == 3*r.ShareDen && r.FloorDen > 0 && r.FloorNum > 0
	case "debian":
		ok = r.RootDen > 0 && r.Ratio > 0 && r.Majority
	case "apache-code":
		ok = r.MinYes > 0 && r.Veto
	case "lazy-consensus":
		ok = r.Hours > 0
	case "consent":
		ok = r.QuorumDen > 0 && r.Objections
	case "rfa-band":
		ok = r.ShareDen > 0 && r.BandDen > 0
	case "arbcom-percent":
		ok = r.ShareDen > 0 && r.LongDen > 0
	case "dual-majority":
		ok = len(r.Chambers) > 1
	case "bridging":
		ok = r.ShareDen > 0 && r.GroupDen > 0 && r.GroupMin > 0
	default:
		known = false
	}
	switch {
	case !known:
		return errors.New("no rule of the catalogue has this name")
	case !ok:
		return errors.New("a parameter that the name promises is missing")
	}
	return nil
}
