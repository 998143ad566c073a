package recipes

import (
	"fmt"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/training/protocol"
)

// bound is the range of one number of a recipe, by the field of the form that
// it is written in. protocol.Recipe.Check holds the same ranges for whatever
// comes from elsewhere; a test compares the two.
type bound struct {
	field       string
	value       float64
	text        string // as it was written; "" was left empty
	least, most float64
	above       bool   // least itself is too little
	below       bool   // most itself is too much
	hint        string // a sentence: what is usual, or what the number means
}

func whole(field string, value, least, most int, hint string) bound {
	return bound{field: field, value: float64(value), text: strconv.Itoa(value), least: float64(least), most: float64(most), hint: hint}
}

func fraction(field, text string, least, most float64, hint string) bound {
	return bound{field: field, value: protocol.Number(text, least), text: text, least: least, most: most, hint: hint}
}

func (b bound) over() bound  { b.above = true; return b }
func (b bound) under() bound { b.below = true; return b }

// unbounded stands for the ranges that have no upper end.
const unbounded = 1 << 53

// Outside lists the numbers of a recipe that are out of their range, each by
// its field with the range and with what is usual.
func Outside(r protocol.Recipe) []Conflict {
	var list []Conflict
	for _, b := range bounds(r) {
		low := b.value < b.least || b.above && b.value == b.least
		high := b.value > b.most || b.below && b.value == b.most
		if b.text == "" || !low && !high && b.value == b.value {
			continue
		}
		reason := b.text + " is too little."
		if high {
			reason = b.text + " is too much."
		}
		list = append(list, Conflict{b.field, reason, strings.TrimSpace(b.say() + " " + b.hint)})
	}
	return list
}

// say names the range in words.
func (b bound) say() string {
	switch {
	case b.most == unbounded:
		return "Write " + digits(b.least) + " or more."
	case b.above && b.below:
		return fmt.Sprintf("Write a number above %s and below %s.", digits(b.least), digits(b.most))
	case b.above:
		return fmt.Sprintf("Write a number above %s and at most %s.", digits(b.least), digits(b.most))
	case b.below:
		return fmt.Sprintf("Write a number from %s to below %s.", digits(b.least), digits(b.most))
	}
	return fmt.Sprintf("Write a number from %s to %s.", digits(b.least), digits(b.most))
}

// digits writes a bound with a comma between thousands.
func digits(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func bounds(r protocol.Recipe) []bound {
	return []bound{
		whole("rounds", r.Rounds, 1, 10_000, ""),
		whole("cohort", r.Cohort, 2, 100_000, ""),
		whole("deadline", r.Deadline, 5, 30*86_400, "That is 5 seconds to 30 days."),
		whole("steps", r.Steps, 1, 1_000_000, ""),
		whole("context", r.Context, 2, 65_536, "It is 128 or 512 in small models."),
		whole("batch_tokens", r.BatchTokens, max(2, r.Context), unbounded, "It is the context or a multiple of it."),
		fraction("learn_rate", r.LearnRate, 0, 1, "0.001 is usual with AdamW, 0.1 with SGD.").over(),
		fraction("beta1", r.Beta1, 0, 1, "0.9 is usual.").under(),
		fraction("beta2", r.Beta2, 0, 1, "0.95 and 0.999 are usual.").under(),
		fraction("epsilon", r.Epsilon, 0, 1, "0.00000001 is usual.").over().under(),
		fraction("weight_decay", r.WeightDecay, 0, 1, "0 and 0.1 are usual."),
		fraction("clip_norm", r.ClipNorm, 0, unbounded, "1 is usual; 0 sets no limit."),
		fraction("update_norm", r.UpdateNorm, 0, unbounded, "0 sets no limit."),
		fraction("converge", r.Converge, 0, 1, "0.01 stops when a round gains less than a hundredth; 0 never stops early.").under(),
		fraction("local.mu", r.Local.Mu, 0, 100, "0.01 is usual.").over().under(),
		whole("local.warmup", r.Local.Warmup, 0, 1_000_000, "A tenth of all steps is plenty."),
		whole("local.floor", r.Local.Floor, 0, 1000, "100 is a tenth of the learning rate."),
		whole("local.accumulate", r.Local.Accumulate, 0, 4096, "Leave it empty to compute the batch at once."),
		fraction("server.rate", r.Server.Rate, 0, 100, "Leave it empty for what is usual.").over().under(),
		fraction("server.momentum", r.Server.Momentum, 0, 1, "0.9 is usual.").under(),
		fraction("server.beta2", r.Server.Beta2, 0, 1, "0.99 is usual.").under(),
		fraction("server.tau", r.Server.Tau, 0, 1, "0.001 is usual.").over().under(),
		whole("robust.f", r.Robust.Byzantine, 0, 10_000, ""),
		whole("robust.bucket", r.Robust.Bucket, 0, 100, "2 is usual; leave it empty for none."),
		whole("robust.iterations", r.Robust.Iterations, 0, 100, "4 is usual."),
		fraction("robust.radius", r.Robust.Radius, 0, 1e9, "Begin with the usual length of an update, which the page of a round shows.").over().under(),
		whole("up.share", r.Up.Share, 0, 999, "50 thousandths are the twentieth part; to send all, choose another codec."),
		whole("selection.over", r.Selection.Over, 0, 4000, "300 asks 13 nodes where 10 are wanted."),
		whole("selection.member_cap", r.Selection.MemberCap, 0, 1000, "Leave it empty for no cap."),
		whole("selection.min_memory", r.Selection.MinMemory, 0, 1<<24, "Leave it empty for any."),
		whole("selection.min_speed", r.Selection.MinSpeed, 0, 1<<30, "Leave it empty for any."),
		whole("selection.floor", r.Selection.Floor, 0, 1000, "1 asks one node of each."),
		fraction("privacy.noise", r.Privacy.Noise, 0, 1000, "2 is much for few members and little for thousands.").under(),
		fraction("privacy.clip", r.Privacy.Clip, 0, 1e9, "0.5 is a beginning.").over().under(),
		fraction("privacy.delta", r.Privacy.Delta, 0, 1, "0.00001 is usual.").over().under(),
		fraction("privacy.ceiling", r.Privacy.Ceiling, 0, 1e6, "10 is weak but measurable, 1 is strong.").over().under(),
		whole("privacy.rounds", r.Privacy.Rounds, 0, 10_000, "Leave it empty for as many as the ceiling allows."),
	}
}
