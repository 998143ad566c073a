package handlers

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/web/ui"
)

// recipeDraft is a recipe while it is written: whether its members are to be
// private is a choice of its own, so that turning it off keeps what was typed.
type recipeDraft struct {
	protocol.Recipe
	private bool
}

// recipeField is one choice or number of a recipe in the form.
type recipeField struct {
	name, label, help string
	whole             *int    // one of the four
	decimal           *string // as it stands in the log
	choice            *string
	yes               *bool
	keys              []string // of a choice: its values, which are terms of the glossary; "" has a name of its own
	plain             string   // what the value "" of a choice is called
	terms             []string // that explain a number
	optional          bool     // may be left empty
}

// recipePart is a group of fields. The first stands in the form, the others
// fold away, because most proposals take them from a preset.
type recipePart struct {
	title, note string
	fields      []recipeField
}

func number(name, label, help string, to *int, terms ...string) recipeField {
	return recipeField{name: name, label: label, help: help, whole: to, terms: terms}
}

func decimal(name, label, help string, to *string, terms ...string) recipeField {
	return recipeField{name: name, label: label, help: help, decimal: to, terms: terms}
}

func choose(name, label, help string, to *string, plain string, keys ...string) recipeField {
	return recipeField{name: name, label: label, help: help, choice: to, plain: plain, keys: keys}
}

func allow(name, label, help string, to *bool, terms ...string) recipeField {
	return recipeField{name: name, label: label, help: help, yes: to, terms: terms}
}

func (f recipeField) orEmpty() recipeField { f.optional = true; return f }

// recipeParts binds the fields of the form to a recipe. What a campaign can be
// given at all is here once, for the form, for reading it and for filling it.
func recipeParts(d *recipeDraft) []recipePart {
	r := &d.Recipe
	return []recipePart{
		{"", "", campaignFields(r)},
		{"At the nodes", "What each node does with its own text between two exchanges.", localFields(r)},
		{"At the server", "How the combined update of a round moves the weights.", serverFields(r)},
		{"Against hostile members", "What protects the mean from broken machines and from poison. Each member counts once.", robustFields(r)},
		{"Bytes", "In which form updates and weights travel.", byteFields(r)},
		{"Who is asked", "Which nodes are drawn for a round.", selectionFields(r)},
		{"Privacy of members", "Noise that bounds what the weights reveal of any one member. It costs quality.", privateFields(d)},
	}
}

func campaignFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		number("rounds", "Rounds", "At most so many; nodes train and send an update in each.", &r.Rounds, "round"),
		number("cohort", "Nodes wanted in a round", "Of those present; the lot that draws them follows from the log.", &r.Cohort, "cohort"),
		number("min_reports", "Least updates", "With fewer the round is tried again. Two is the least: a mean of one would show that one.", &r.MinReports, "update"),
		number("deadline", "Seconds a round collects", "An hour is 3600, a day 86400.", &r.Deadline),
		allow("public", "All text is public: publish every update", "Only nodes take part whose owners say so of their text; anyone can then compute a round again.", &r.Public, "public-data"),
	}
}

func localFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		number("steps", "Steps of each node in a round", "", &r.Steps),
		number("batch_tokens", "Tokens in a step", "A multiple of the context.", &r.BatchTokens),
		number("context", "Context, tokens", "Of one sequence; the model's own context or less.", &r.Context),
		{name: "optimizer", label: "Optimiser", choice: &r.Optimizer, keys: []string{"adamw", "sgd"}},
		decimal("learn_rate", "Learning rate", "", &r.LearnRate),
		choose("local.objective", "Local objective", "Against texts that differ much.", &r.Local.Objective, "The plain loss", protocol.FedProx, protocol.Scaffold),
		decimal("local.mu", "FedProx: μ", "Strength of the pull back to the round's weights.", &r.Local.Mu).orEmpty(),
		choose("local.schedule", "Schedule of the rate", "", &r.Local.Schedule, "The same rate always", "cosine"),
		number("local.warmup", "Cosine: steps of warm-up", "Of the whole campaign.", &r.Local.Warmup).orEmpty(),
		number("local.floor", "Cosine: last rate", "Thousandths of the learning rate.", &r.Local.Floor).orEmpty(),
		number("local.accumulate", "Parts of a batch", "More parts need less memory and more time.", &r.Local.Accumulate, "accumulation").orEmpty(),
		allow("local.partial", "Take partial work", "From nodes that have to stop early.", &r.Local.Partial, "partial"),
		decimal("beta1", "AdamW: beta 1", "", &r.Beta1),
		decimal("beta2", "AdamW: beta 2", "", &r.Beta2),
		decimal("epsilon", "AdamW: epsilon", "", &r.Epsilon),
		decimal("weight_decay", "AdamW: weight decay", "", &r.WeightDecay),
		decimal("clip_norm", "Largest norm of a step's gradient", "0 for no limit.", &r.ClipNorm),
	}
}

func serverFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		choose("server.rule", "Rule of the server", "", &r.Server.Rule, "FedAvg: the mean, added", protocol.FedAvgM, protocol.FedAdagrad, protocol.FedAdam, protocol.FedYogi, protocol.FedNova, protocol.DiLoCo, protocol.Scaffold),
		decimal("server.rate", "Rate", "Empty: as usual for the rule.", &r.Server.Rate).orEmpty(),
		decimal("server.momentum", "Momentum", "Empty: as usual for the rule.", &r.Server.Momentum, "nesterov").orEmpty(),
		decimal("server.beta2", "FedAdam, FedYogi: beta 2", "Empty for 0.99.", &r.Server.Beta2).orEmpty(),
		decimal("server.tau", "Adaptive rules: τ", "Empty for 0.001.", &r.Server.Tau).orEmpty(),
		decimal("converge", "Stop when the loss falls by less than this share", "0 never stops early.", &r.Converge),
	}
}

func robustFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		choose("robust.rule", "Robust rule", "", &r.Robust.Rule, "The mean: withstands nobody", protocol.Median, protocol.Trimmed, protocol.Krum, protocol.MultiKrum, protocol.Bulyan, protocol.GeoMedian, protocol.Centered),
		number("robust.f", "Hostile members to withstand", "The rule needs a number of others for each.", &r.Robust.Byzantine, "byzantine").orEmpty(),
		number("robust.bucket", "Members averaged together before the rule", "Empty for none.", &r.Robust.Bucket, "bucketing").orEmpty(),
		number("robust.iterations", "Geometric median, centered clipping: repetitions", "Empty for 4.", &r.Robust.Iterations).orEmpty(),
		decimal("robust.radius", "Centered clipping: radius", "The length by which one member may pull.", &r.Robust.Radius).orEmpty(),
		decimal("update_norm", "Largest norm of an update", "0 for no limit.", &r.UpdateNorm, "clipping"),
	}
}

func byteFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		choose("up.codec", "Updates travel as", "", &r.Up.Codec, "float32: four bytes for each parameter", protocol.BF16, protocol.Int8, protocol.Sign, protocol.TopK, protocol.Mask),
		number("up.share", "Top-k, random mask: share sent", "Thousandths of the entries.", &r.Up.Share).orEmpty(),
		allow("down.delta", "Send only what changed", "To nodes that hold an earlier base.", &r.Down.Delta, "delta"),
	}
}

func selectionFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		choose("selection.rule", "Selection", "", &r.Selection.Rule, "By the log's lot, each with the same chance", protocol.Resource, protocol.Oort, protocol.Proximity, protocol.Diverse),
		number("selection.over", "Asked beyond those wanted", "Thousandths; empty: as the policy says.", &r.Selection.Over, "over-selection").orEmpty(),
		number("selection.member_cap", "Nodes of one member, at most", "Empty: no cap.", &r.Selection.MemberCap).orEmpty(),
		number("selection.min_memory", "Least memory, MB", "Empty: any.", &r.Selection.MinMemory, "resource").orEmpty(),
		number("selection.min_speed", "Least speed, tokens per second", "As measured; empty: any.", &r.Selection.MinSpeed).orEmpty(),
		{name: "selection.strata", label: "Floors are counted by", choice: &r.Selection.Strata, plain: "Nothing: no floors", keys: []string{"language", "domain", "licence", "region", "hardware"}, terms: []string{"diverse"}},
		number("selection.floor", "Nodes of each that is present", "The rarest are held first.", &r.Selection.Floor).orEmpty(),
	}
}

func privateFields(d *recipeDraft) []recipeField {
	return []recipeField{
		allow("privacy.on", "Differential privacy", "", &d.private, "dp"),
		decimal("privacy.noise", "Noise, multiples of the clip norm", "", &d.Privacy.Noise).orEmpty(),
		decimal("privacy.clip", "Clip norm at first", "", &d.Privacy.Clip).orEmpty(),
		allow("privacy.adaptive", "Let the clip norm follow the median", "", &d.Privacy.Adaptive, "adaptive-clip"),
		decimal("privacy.delta", "δ", "", &d.Privacy.Delta).orEmpty(),
		decimal("privacy.ceiling", "Ceiling of ε", "A member who reaches it is asked no more.", &d.Privacy.Ceiling, "epsilon").orEmpty(),
		number("privacy.rounds", "Rounds of one member, at most", "Empty: as many as the ceiling allows.", &d.Privacy.Rounds, "accountant").orEmpty(),
	}
}

const yes = "yes"

// text is the value of a field as the form shows it.
func (f recipeField) text() string {
	switch {
	case f.whole != nil && f.optional && *f.whole == 0:
		return ""
	case f.whole != nil:
		return strconv.Itoa(*f.whole)
	case f.decimal != nil:
		return *f.decimal
	case f.choice != nil:
		return *f.choice
	case *f.yes:
		return yes
	}
	return ""
}

// read takes the value of a field as it was typed.
func (f recipeField) read(text string) error {
	var err error
	switch {
	case f.choice != nil:
		if !slices.ContainsFunc(f.options(), func(o ui.Option) bool { return o.Value == text }) {
			return governance.FieldErrorf(f.name, "%s: there is no choice %q. Take one from the list.", f.label, text)
		}
		*f.choice = text
	case f.yes != nil:
		*f.yes = text == yes
	case text == "" && f.optional:
	case f.whole != nil:
		if *f.whole, err = strconv.Atoi(text); err != nil {
			return governance.FieldErrorf(f.name, "%s: write a whole number in digits, as 2000.", f.label)
		}
	default:
		if _, err = strconv.ParseFloat(text, 64); err != nil || !plainDecimal.MatchString(text) {
			return governance.FieldErrorf(f.name, "%s: write a decimal number, as 0.5.", f.label)
		}
		*f.decimal = text
	}
	return nil
}

// plainDecimal leaves out what Go reads as a number too and people do not:
// NaN, infinity, hexadecimal fractions.
var plainDecimal = regexp.MustCompile(`^-?[0-9]*\.?[0-9]+(e-?[0-9]+)?$`)

// options are the choices of a field, with the names of the glossary.
func (f recipeField) options() []ui.Option {
	if f.yes != nil {
		return []ui.Option{{Label: "no"}, {Value: yes, Label: "yes"}}
	}
	if f.choice == nil {
		return nil
	}
	var list []ui.Option
	if f.plain != "" {
		list = append(list, ui.Option{Label: f.plain})
	}
	for _, k := range f.keys {
		name := k
		if t, ok := recipes.Lookup(k); ok {
			name = t.Name
		}
		list = append(list, ui.Option{Value: k, Label: name})
	}
	return list
}

// readRecipe reads a form into a recipe, and says of every field what is wrong
// with it and what would work: first of fields by themselves, then of choices
// that lack something, then of choices that do not go together.
func readRecipe(value func(string) string, where recipes.Circumstances) (protocol.Recipe, error) {
	d, wrong := typedRecipe(value)
	var unread []string
	for _, err := range wrong {
		unread = append(unread, problemField(err))
	}
	d.drop()
	for _, c := range recipes.Outside(d.Recipe) {
		if !slices.Contains(unread, c.Field) {
			wrong = append(wrong, beside(c))
		}
	}
	for _, find := range []func() []recipes.Conflict{
		func() []recipes.Conflict { return recipes.Unfit(d.Recipe) },
		func() []recipes.Conflict { return recipes.Conflicts(d.Recipe, where) },
	} {
		if len(wrong) > 0 {
			break
		}
		for _, c := range find() {
			wrong = append(wrong, beside(c))
		}
	}
	if len(wrong) == 0 {
		if err := d.Check(); err != nil {
			wrong = append(wrong, governance.FieldErrorf("", "This cannot be trained: %v.", err))
		}
	}
	return d.Recipe, errors.Join(wrong...)
}

// beside makes a conflict the problem of its field.
func beside(c recipes.Conflict) error {
	return governance.FieldErrorf(c.Field, "%s %s", c.Reason, c.Instead)
}

// typedRecipe is what could be read of a form, and the problems of the rest.
func typedRecipe(value func(string) string) (recipeDraft, []error) {
	d := recipeDraft{Recipe: protocol.Recipe{Aggregator: "fedavg", Arithmetic: training.Arithmetic}}
	var wrong []error
	for _, part := range recipeParts(&d) {
		for _, f := range part.fields {
			if err := f.read(value(f.name)); err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	base, err := training.ParseDigest(value("base"))
	if err != nil {
		wrong = append(wrong, governance.FieldErrorf("base", "Write the digest of a version's weights: 64 hexadecimal digits."))
	}
	d.Base = base.Hex()
	return d, wrong
}

// drop leaves out the numbers of choices that were not made, so that choosing
// another rule asks nobody to empty the fields of the first.
func (d *recipeDraft) drop() {
	if d.Local.Objective != protocol.FedProx {
		d.Local.Mu = ""
	}
	if d.Local.Schedule == "" {
		d.Local.Warmup, d.Local.Floor = 0, 0
	}
	if d.Robust.Rule == "" {
		d.Robust = protocol.Robust{}
	}
	if d.Robust.Rule != protocol.Centered {
		d.Robust.Radius = ""
	}
	if d.Up.Codec != protocol.TopK && d.Up.Codec != protocol.Mask {
		d.Up.Share = 0
	}
	if d.Selection.Strata == "" {
		d.Selection.Floor = 0
	}
	switch {
	case !d.private:
		d.Privacy = protocol.Privacy{}
	case d.Privacy.Noise == "":
		d.Privacy.Noise = "0" // refused beside its field
	case d.Privacy.Rounds == 0:
		d.Privacy.Rounds = recipes.RoundsUnder(d.Privacy)
	}
}

// recipeValues are the values of the form's fields for a recipe.
func recipeValues(r protocol.Recipe) map[string]string {
	d := recipeDraft{Recipe: r, private: r.Privacy.On()}
	values := map[string]string{"base": r.Base}
	for _, part := range recipeParts(&d) {
		for _, f := range part.fields {
			values[f.name] = f.text()
		}
	}
	return values
}
