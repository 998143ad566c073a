package policies

import (
	"fmt"
	"slices"
)

// Keys that other packages read.
const (
	CommunityName      Key = "community.name"
	CommunityPurpose   Key = "community.purpose"
	ModelName          Key = "model.name"
	Admission          Key = "members.admission"
	Sponsors           Key = "proposals.sponsors"
	ModeratorSeats     Key = "elections.moderators.seats"
	ModeratorTerm      Key = "elections.moderators.term"
	NominationPeriod   Key = "elections.nomination"
	ElectionPeriod     Key = "elections.voting"
	SecretMinimum      Key = "ballots.secret_minimum"
	ReleaseFloor       Key = "ballots.release_floor"
	EnvelopeDays       Key = "ballots.envelope_days"
	CaseClaim          Key = "moderation.claim"
	CaseDeadline       Key = "moderation.deadline"
	OverSelection      Key = "rounds.over_selection"
	SeenWithin         Key = "rounds.seen_within"
	MinTokens          Key = "rounds.min_tokens"
	MaxShare           Key = "rounds.max_share"
	EvaluationMinimum  Key = "gate.min_records"
	GateWorsening      Key = "gate.worsening"
	CheckLeast         Key = "checks.least"
	CheckDuplicate     Key = "checks.duplicate"
	CheckNorm          Key = "checks.norm"
	CheckRows          Key = "checks.rows"
	CheckSparse        Key = "checks.sparse"
	CheckAgainst       Key = "checks.against"
	CheckCluster       Key = "checks.cluster"
	CheckClusterCounts Key = "checks.cluster_counts"
	TrustAfter         Key = "trust.after"
	TrustSpot          Key = "trust.spot"
	TrustWait          Key = "trust.wait"
	UnlearnWorsening   Key = "unlearning.worsening"
	UnlearnCanaries    Key = "unlearning.canaries"
	UnlearnDestroyDays Key = "unlearning.destroy"
)

// Classes of proposals: what they may break decides how hard they are.
const (
	Reversible   = 1
	PolicyChange = 2
	Destructive  = 3
)

// ClassKey names a parameter of a class: "rule", "quorum", "discussion",
// "voting", "waiting".
func ClassKey(class int, name string) Key { return Key(fmt.Sprintf("class.%d.%s", class, name)) }

const (
	day  = 86_400
	hour = 3_600
)

// catalogue holds every parameter in the order in which it is listed.
var catalogue = slices.Concat(
	[]Parameter{
		{CommunityName, "Community", "Name of the community", "Shown at the top of every page.", Text, "A new community", 0, 0, nil},
		{CommunityPurpose, "Community", "Purpose", "What the model is for, in one sentence on the main page.", Text, "To train, govern and unlearn a language model together.", 0, 0, nil},
		{ModelName, "Community", "Name of the model", "Versions are numbered under this name.", Text, "Althing", 0, 0, nil},
		{Admission, "Community", "Who may join", "open: whoever signs in; invited: whoever also holds an invitation.", Choice, "open", 0, 0, []string{"open", "invited"}},
		{Sponsors, "Proposals", "Sponsors of a proposal", "Members other than its author who must lend their names before it is discussed.", Count, "2", 0, 100, nil},
	},
	class(Reversible, "reversible", "simple-majority", 200, 3*day, 5*day, day),
	class(PolicyChange, "policy", "two-thirds", 300, 14*day, 7*day, 7*day),
	class(Destructive, "destructive", "three-quarters-plus-floor", 400, 14*day, 7*day, 14*day),
	[]Parameter{
		{ModeratorSeats, "Elections", "Moderators", "Seats that an election of moderators fills.", Count, "3", 1, 50, nil},
		{ModeratorTerm, "Elections", "Term of a moderator", "After it the right ends by itself.", Seconds, "15552000", 60, 4 * 366 * day, nil},
		{NominationPeriod, "Elections", "Nomination period", "How long members may stand before voting begins.", Seconds, "604800", 1, 90 * day, nil},
		{ElectionPeriod, "Elections", "Voting period of an election", "How long the secret ballot is open.", Seconds, "604800", 1, 90 * day, nil},
		{SecretMinimum, "Elections", "Smallest secret electorate", "Under so many voters the result itself would tell, so a secret poll is refused.", Count, "10", 10, 10_000, nil},
		{ReleaseFloor, "Elections", "Smallest daily batch of sealed ballots", "While a secret ballot is open, the hashes of sealed ballots of past days enter the log together once so many members wait; all others at the close.", Count, "5", 1, 10_000, nil},
		{EnvelopeDays, "Elections", "Days until envelopes are destroyed", "Counted from the publication of the result.", Count, "90", 0, 3_650, nil},
		{CaseClaim, "Moderation", "Claim of a case", "How long one moderator has a case alone.", Seconds, "1200", 5, day, nil},
		{CaseDeadline, "Moderation", "Deadline of a case", "A case that is older is listed as late.", Seconds, "259200", 10, 90 * day, nil},
		{OverSelection, "Training", "Over-selection", "How many more nodes than needed a round asks, in thousandths, because some will not answer.", Permille, "300", 0, 3_000, nil},
		{SeenWithin, "Training", "Presence", "A node is asked only if it was heard within this time.", Seconds, "600", 5, 30 * day, nil},
		{MinTokens, "Training", "Least text of a node", "Training tokens below which a node is not asked.", Count, "4096", 128, 1 << 40, nil},
		{MaxShare, "Training", "Largest share of one member", "No member's nodes together weigh more in a round, in thousandths.", Permille, "500", 1, 1_000, nil},
		{EvaluationMinimum, "Training", "Records behind a measurement", "Fewer validation records than this are not reported, so that none can be guessed.", Count, "20", 20, 100_000, nil},
		{GateWorsening, "Training", "Publishing gate", "A result whose loss is higher than its base's by more than this is not published.", PPM, "10000", 0, 1_000_000, nil},
		{CheckLeast, "Checks of updates", "Updates that can be compared", "In a round with fewer updates none is judged beside the others.", Count, "4", 3, 1_000, nil},
		{CheckDuplicate, "Checks of updates", "Duplicates", "Two updates whose cosine is above this are one; the second is rejected. So is one that repeats the node's last update or what the last round changed. 0 decides nothing.", PPM, "999000", 0, 1_000_000, nil},
		{CheckNorm, "Checks of updates", "Length", "Deviations above the median at which an update is clipped to the median length, and one of zeros is held. 0 decides nothing.", Count, "6", 0, 1_000, nil},
		{CheckRows, "Checks of updates", "Concentration", "Deviations above the median at which the share of a layer or of one token holds an update: a backdoor in a rare word. 0 decides nothing.", Count, "8", 0, 1_000, nil},
		{CheckSparse, "Checks of updates", "Sparsity", "Deviations above the median at which the share of the largest hundredth of the numbers holds an update. 0 decides nothing.", Count, "6", 0, 1_000, nil},
		{CheckAgainst, "Checks of updates", "Direction", "How far an update may point against the median, or against the node's last one: a cosine below minus this holds it. 0 decides nothing.", Permille, "200", 0, 1_000, nil},
		{CheckCluster, "Checks of updates", "Clusters", "Updates of different members whose cosine is above this are one cluster. 0 finds none.", Permille, "980", 0, 1_000, nil},
		{CheckClusterCounts, "Checks of updates", "What a cluster counts for", "each: clusters are only reported; one: a cluster counts as one update, which is hard on members with the same text.", Choice, "each", 0, 0, []string{"each", "one"}},
		{TrustAfter, "Checks of updates", "Updates until a node is trusted", "In campaigns on public data: so many updates in a row have to be confirmed by another node that trains them again; until then each is drawn for that.", Count, "10", 1, 10_000, nil},
		{TrustSpot, "Checks of updates", "Spot checks of trusted nodes", "Least chance that an update of a trusted node is drawn; otherwise it is one in the number of its confirmed updates.", Permille, "20", 0, 1_000, nil},
		{TrustWait, "Checks of updates", "Patience of a spot check", "How long each step of it waits for a node: to hand over what it trained on, and to train it again. No round waits for it. 0 carries out none.", Seconds, "3600", 0, 30 * day, nil},
		{UnlearnWorsening, "Unlearning", "Loss of usefulness", "An unlearned version may be worse for the others by at most this.", PPM, "20000", 0, 1_000_000, nil},
		{UnlearnCanaries, "Unlearning", "Canaries behind an exposure", "Fewer planted secrets than this give no exposure figure.", Count, "16", 1, 10_000, nil},
		{UnlearnDestroyDays, "Unlearning", "Days until tainted checkpoints are destroyed", "Counted from the clean version's publication; 0 destroys at once.", Count, "30", 0, 3_650, nil},
	},
)

func class(n int, word, rule string, quorum, discussion, voting, waiting int) []Parameter {
	group := fmt.Sprintf("Proposals of class %d, %s", n, word)
	period := func(name, title, help string, seconds int) Parameter {
		return Parameter{ClassKey(n, name), group, title, help, Seconds, fmt.Sprint(seconds), 0, 365 * day, nil}
	}
	voted := period("voting", "Voting", "How long ballots may be cast and changed.", voting)
	voted.Min = 1
	return []Parameter{
		{ClassKey(n, "rule"), group, "Rule", "How yes and no decide.", Choice, rule, 0, 0, []string{"simple-majority", "two-thirds", "three-quarters-plus-floor"}},
		{ClassKey(n, "quorum"), group, "Quorum or floor", "Share of all members, in thousandths: who must take part, or for the floor who must say yes.", Permille, fmt.Sprint(quorum), 0, 1_000, nil},
		period("discussion", "Discussion", "How long a tabled proposal is discussed before voting.", discussion),
		voted,
		period("waiting", "Waiting", "How long after a vote nothing is done yet.", waiting),
	}
}

// Catalogue returns every parameter in the order of the policies page.
func Catalogue() []Parameter { return slices.Clone(catalogue) }

// Find returns the parameter of a key.
func Find(key Key) (Parameter, bool) {
	i := slices.IndexFunc(catalogue, func(p Parameter) bool { return p.Key == key })
	if i < 0 {
		return Parameter{}, false
	}
	return catalogue[i], true
}
