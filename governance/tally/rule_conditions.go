package tally

import (
	"fmt"
	"strconv"
	"strings"
)

// conditions evaluates each parameter that is set, in the order of the table.
func (r Rule) conditions(c Counts) []Condition {
	var list []Condition
	add := func(set bool, make func(Counts) Condition) {
		if set {
			list = append(list, make(c))
		}
	}
	add(r.Hours > 0, r.silence)
	add(r.QuorumDen > 0, r.quorum)
	add(r.MinYes > 0, r.minYes)
	add(r.RootDen > 0, r.root)
	add(r.ShareDen > 0, r.share)
	add(r.Ratio > 0, r.ratio)
	add(r.Majority, r.majority)
	add(r.FloorDen > 0, r.floor)
	add(r.Veto, r.veto)
	add(r.GroupDen > 0, r.groups)
	add(r.Objections || r.Hours > 0, r.objections)
	return list
}

func (r Rule) silence(c Counts) Condition {
	missing := max(0, 60*r.Hours-c.Minutes)
	return Condition{
		Name: "Time for objections", Needed: count(r.Hours, "hour", "hours"),
		Now: fmt.Sprintf("%s %d min", count(c.Minutes/60, "hour", "hours"), c.Minutes%60), Holds: missing == 0, Missing: missing, Unit: UnitMinutes,
	}
}

func (r Rule) quorum(c Counts) Condition {
	need, cast := atLeast(c.Electorate, r.QuorumNum, r.QuorumDen), c.Yes+c.No+c.Abstain
	return enough("Ballots cast, abstentions included", cast, need,
		fmt.Sprintf("at least %s of %s (%s)", thousands(need), thousands(c.Electorate), share(r.QuorumNum, r.QuorumDen)), UnitBallots)
}

func (r Rule) minYes(c Counts) Condition {
	return enough("Binding yes", c.Yes, r.MinYes, "at least "+thousands(r.MinYes), UnitYes)
}

func (r Rule) root(c Counts) Condition {
	need := rootAtLeast(c.Electorate, r.RootNum, r.RootDen)
	return enough("Yes, as a quorum of supporters", c.Yes, need,
		fmt.Sprintf("at least %s (%d/%d of the square root of %s)", thousands(need), r.RootNum, r.RootDen, thousands(c.Electorate)), UnitYes)
}

func (r Rule) floor(c Counts) Condition {
	need := atLeast(c.Electorate, r.FloorNum, r.FloorDen)
	return enough("Yes among all members", c.Yes, need,
		fmt.Sprintf("at least %s of %s (%s)", thousands(need), thousands(c.Electorate), share(r.FloorNum, r.FloorDen)), UnitYes)
}

// enough is a condition on one count.
func enough(name string, have, need int64, needed string, unit Unit) Condition {
	k := Condition{Name: name, Needed: needed, Now: thousands(have), Holds: have >= need, Missing: max(0, need-have), Unit: unit}
	if k.Missing > 0 {
		k.Now += fmt.Sprintf("; %s more %s needed", thousands(k.Missing), isAre(plural(k.Missing)))
	}
	return k
}

// share is the condition on yes among yes and no. With no yes and no no at
// all, there is no share, and it does not hold.
func (r Rule) share(c Counts) Condition {
	cast := c.Yes + c.No
	k := Condition{
		Name: "Share of yes among yes and no", Needed: "at least " + share(r.ShareNum, r.ShareDen), Unit: UnitYes,
		Holds: cast > 0 && r.ShareDen*c.Yes >= r.ShareNum*cast, Now: "none cast",
	}
	if cast > 0 {
		k.Now = fmt.Sprintf("%s of %s = %s", thousands(c.Yes), thousands(cast), percent(c.Yes, cast))
	}
	switch {
	case k.Holds:
	case r.ShareDen > r.ShareNum:
		lack := r.ShareNum*cast - r.ShareDen*c.Yes
		k.Missing = max(1, (lack+r.ShareDen-r.ShareNum-1)/(r.ShareDen-r.ShareNum))
	case c.No == 0:
		k.Missing = 1
	}
	return k
}

func (r Rule) ratio(c Counts) Condition {
	k := enough("Yes for every no", c.Yes, r.Ratio*c.No, "at least "+thousands(r.Ratio), UnitYes)
	k.Now = fmt.Sprintf("%s yes, %s no", thousands(c.Yes), thousands(c.No))
	return k
}

func (r Rule) majority(c Counts) Condition {
	k := enough("Majority", c.Yes, c.No+1, "more yes than no", UnitYes)
	k.Now = fmt.Sprintf("%s yes, %s no", thousands(c.Yes), thousands(c.No))
	return k
}

func (r Rule) veto(c Counts) Condition {
	now := "none"
	if c.Vetoes > 0 {
		now = thousands(c.Vetoes)
	}
	if c.VoidVetoes > 0 {
		now += fmt.Sprintf("; %s without a reason, void", thousands(c.VoidVetoes))
	}
	return Condition{Name: "Vetoes with a written reason", Needed: "none", Now: now, Holds: c.Vetoes == 0}
}

// objections must be absent in a lazy consensus, and answered elsewhere.
func (r Rule) objections(c Counts) Condition {
	if r.Hours > 0 {
		return Condition{Name: "Objections", Needed: "none", Now: thousands(c.Objections), Holds: c.Objections == 0}
	}
	k := Condition{
		Name: "Reasoned objections", Needed: "each has an answer", Now: "none raised",
		Holds: c.Answered == c.Objections, Missing: c.Objections - c.Answered, Unit: UnitAnswers,
	}
	if r.Name == "consent" {
		k.Name, k.Needed = "Paramount objections", "none is open"
	}
	if c.Objections > 0 {
		word := "answered"
		if r.Name == "consent" {
			word = "resolved"
		}
		k.Now = fmt.Sprintf("%s of %s %s", thousands(c.Answered), thousands(c.Objections), word)
	}
	return k
}

// groups smooths each group's share with one yes and one no, so that a tiny
// group does not jump between 0 and 100 %.
func (r Rule) groups(c Counts) Condition {
	k := Condition{Name: "Each stable group of opinion", Needed: fmt.Sprintf("at least %s yes, smoothed", share(r.GroupNum, r.GroupDen)), Holds: true}
	var now []string
	for i, g := range c.Groups {
		name := g.Name
		if name == "" {
			name = strconv.Itoa(i + 1)
		}
		if g.Yes+g.No < r.GroupMin {
			now = append(now, fmt.Sprintf("%s: %s, too few to count", name, count(g.Yes+g.No, "voter", "voters")))
			continue
		}
		now = append(now, name+": "+percent(g.Yes+1, g.Yes+g.No+2))
		k.Holds = k.Holds && r.GroupDen*(g.Yes+1) >= r.GroupNum*(g.Yes+g.No+2)
	}
	if k.Now = strings.Join(now, ", "); k.Now == "" {
		k.Now = "no group is stable"
	}
	return k
}

// percent cuts to one decimal and never rounds up, so that a share just below
// a threshold is not shown as having reached it: "81.8 %", "75 %".
func percent(part, whole int64) string {
	permille := part * 1000 / whole
	if permille%10 == 0 && part*100%whole == 0 {
		return strconv.FormatInt(permille/10, 10) + " %"
	}
	return fmt.Sprintf("%d.%d %%", permille/10, permille%10)
}

// share writes a threshold: "75 %", or "2 of 3" where percents would lie.
func share(num, den int64) string {
	if num*100%den == 0 {
		return strconv.FormatInt(num*100/den, 10) + " %"
	}
	return fmt.Sprintf("%d of %d", num, den)
}

func plural(n int64) int {
	if n == 1 {
		return 1
	}
	return 2
}
