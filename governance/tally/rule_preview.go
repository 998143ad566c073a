package tally

import (
	"fmt"
	"slices"
	"strings"
)

// Preview says in plain words what the rule asks of an electorate of today's
// size. A rule with chambers takes the size of each, in their order.
//
//	With today’s 84 members this needs 34 yes, three yes for every no, half
//	of each group of opinion and an answer to every objection.
func (r Rule) Preview(electorates ...int) string {
	if err := r.Validate(); err != nil {
		return "This rule cannot decide anything: " + err.Error() + "."
	}
	size := func(i int) int64 {
		if i < len(electorates) {
			return int64(max(0, min(electorates[i], MaxWeight)))
		}
		return 0
	}
	if len(r.Chambers) == 0 {
		return fmt.Sprintf("With today’s %s this needs %s.", count(size(0), "member", "members"), sentenceList(r.asks(size(0))))
	}
	parts := make([]string, len(r.Chambers))
	for i, c := range r.Chambers {
		parts[i] = fmt.Sprintf("among the %s %s, %s", thousands(size(i)), c.Name, sentenceList(c.Rule.asks(size(i))))
	}
	sentence := "This needs, " + strings.Join(parts, "; and ") + "."
	if own := r.asks(size(0)); len(own) > 0 {
		sentence += " It also needs " + sentenceList(own) + "."
	}
	return sentence
}

// asks lists what is asked, the numbers first.
func (r Rule) asks(n int64) []string {
	var list []string
	add := func(set bool, format string, args ...any) {
		if set {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(r.Hours > 0, "%s without an objection", count(r.Hours, "hour", "hours"))
	if yes := r.fewestYes(n); yes > 0 {
		add(true, "%s yes", thousands(yes))
	}
	if r.QuorumDen > 0 {
		add(true, "%s (abstentions count)", count(atLeast(n, r.QuorumNum, r.QuorumDen), "ballot", "ballots"))
	}
	add(r.ShareDen > 0, "%s", shareAsk(r.ShareNum, r.ShareDen))
	add(r.Ratio > 1, "%s yes for every no", word(r.Ratio))
	// A share or ratio above one half already means a majority.
	add(r.Majority && r.Ratio <= 1 && 2*r.ShareNum <= r.ShareDen, "more yes than no")
	add(r.Veto, "no veto with a written reason")
	add(r.GroupDen > 0, "%s of each group of opinion", part(r.GroupNum, r.GroupDen))
	add(r.Objections && r.Name == "consent", "no open paramount objection")
	add(r.Objections && r.Name != "consent", "an answer to every objection")
	if r.BandDen > 0 && len(list) > 0 {
		list[len(list)-1] += fmt.Sprintf(", or from %s yes on the word of the closers", share(r.BandNum, r.BandDen))
	}
	return list
}

// fewestYes is the least number of yes with which the rule can pass at all.
func (r Rule) fewestYes(n int64) int64 {
	yes := r.MinYes
	if r.RootDen > 0 {
		yes = max(yes, rootAtLeast(n, r.RootNum, r.RootDen))
	}
	if r.FloorDen > 0 {
		yes = max(yes, atLeast(n, r.FloorNum, r.FloorDen))
	}
	return yes
}

// shareAsk says "three yes for every no" where the share is such a ratio.
func shareAsk(num, den int64) string {
	if rest := den - num; rest > 0 && num > rest && num%rest == 0 {
		return word(num/rest) + " yes for every no"
	}
	if num == den {
		return "no vote against"
	}
	return share(num, den) + " yes among yes and no"
}

func part(num, den int64) string {
	if den > 0 && 2*num == den {
		return "half"
	}
	if den > 0 {
		return share(num, den)
	}
	return ""
}

func word(n int64) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	if n >= 0 && n < int64(len(words)) {
		return words[n]
	}
	return thousands(n)
}

// Sentence says what would happen if the poll closed now, and what is missing.
//
//	If it closed now it would not pass: 7 yes are missing.
func (o Outcome) Sentence() string {
	switch o.Verdict {
	case Passed:
		return "If it closed now it would pass."
	case Closers:
		return "If it closed now the closers would decide: the share lies in their band."
	case ToVote:
		return "Somebody objects, so it goes to a vote."
	case Open:
		return "The time for objections has not run out: " + sentenceList(o.missing()) + "."
	}
	return "If it closed now it would not pass: " + sentenceList(o.missing()) + "."
}

// missing lists what lacks, per chamber and unit the largest number only: 7
// more yes also make 3 more ballots.
func (o Outcome) missing() []string {
	type key struct {
		chamber string
		unit    Unit
	}
	most := map[key]int64{}
	for _, k := range o.Conditions {
		id := key{k.Chamber, k.Unit}
		most[id] = max(most[id], k.Missing)
	}
	var lines []string
	for _, k := range o.Conditions {
		var line string
		switch n := most[key{k.Chamber, k.Unit}]; {
		case k.Holds:
			continue
		case k.Missing == 0:
			line = "“" + k.Name + "” does not hold"
		case k.Unit == UnitBallots && n <= most[key{k.Chamber, UnitYes}]:
			continue // the missing yes are ballots too
		case k.Unit == UnitMinutes:
			line = fmt.Sprintf("%s %d min are missing", count(n/60, "hour", "hours"), n%60)
		case k.Unit == UnitAnswers:
			line = count(n, "objection has", "objections have") + " no answer"
		case k.Unit == UnitBallots:
			line = fmt.Sprintf("%s %s missing", count(n, "ballot", "ballots"), isAre(plural(n)))
		default:
			line = fmt.Sprintf("%s yes %s missing", thousands(n), isAre(plural(n)))
		}
		if k.Chamber != "" {
			line += " among the " + k.Chamber
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
