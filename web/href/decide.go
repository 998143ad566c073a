package href

// Proposals lists proposals in a state; "" is all.
func Proposals(state string) string { return query("/proposals", "state", state) }

// ProposalNew is the form for a draft; the same path takes POST.
func ProposalNew() string { return "/proposals/new" }

// ProposalNewWith is the same form with a kind of motion chosen.
func ProposalNewWith(motion string) string { return query(ProposalNew(), "motion", motion) }

// Proposal is one proposal.
func Proposal(id int64) string { return at("/proposals", id, "") }

// ProposalEdit is the form that edits a draft; the same path takes POST.
func ProposalEdit(id int64) string { return at("/proposals", id, "/edit") }

// ProposalHistory lists the revisions of a proposal's text.
func ProposalHistory(id int64) string { return at("/proposals", id, "/history") }

// ProposalTalk is the discussion of a proposal.
func ProposalTalk(id int64) string { return at("/proposals", id, "/talk") }

// ProposalBallot takes the member's ballot; POST.
func ProposalBallot(id int64) string { return at("/proposals", id, "/ballot") }

// ProposalBallots lists all ballots.
func ProposalBallots(id int64) string { return at("/proposals", id, "/ballots") }

// ProposalBallotsFile are the ballots as CSV.
func ProposalBallotsFile(id int64) string { return at("/proposals", id, "/ballots.csv") }

// ProposalSponsor lends the member's name to a draft or takes it back; POST.
func ProposalSponsor(id int64) string { return at("/proposals", id, "/sponsors") }

// ProposalObject is the form for a reasoned objection; the same path takes POST.
func ProposalObject(id int64) string { return at("/proposals", id, "/objections") }

// ProposalAnswer takes the closer's answer to an objection; POST.
func ProposalAnswer(id, objection int64) string {
	return at(at("/proposals", id, "/objections"), objection, "/answer")
}

// ProposalState moves a proposal on: table, withdraw, open; POST.
func ProposalState(id int64) string { return at("/proposals", id, "/state") }

// ProposalRoll lists who may vote.
func ProposalRoll(id int64) string { return at("/proposals", id, "/roll") }

// Elections lists elections.
func Elections() string { return "/elections" }

// ElectionNew is the form that calls an election; the same path takes POST.
func ElectionNew() string { return "/elections/new" }

// Election is one election.
func Election(id int64) string { return at("/elections", id, "") }

// ElectionTalk is the discussion of an election.
func ElectionTalk(id int64) string { return at("/elections", id, "/talk") }

// ElectionStand takes a candidacy or its withdrawal; POST.
func ElectionStand(id int64) string { return at("/elections", id, "/candidates") }

// ElectionCheck shows a ranking in words before it is cast; POST.
func ElectionCheck(id int64) string { return at("/elections", id, "/check") }

// ElectionBallot casts the ranking; POST.
func ElectionBallot(id int64) string { return at("/elections", id, "/ballot") }

// ElectionPromise is the platform's promise for the member's own ballot, as a
// signed note.
func ElectionPromise(id int64) string { return at("/elections", id, "/promise") }

// ElectionResult is the count sheet; the same path takes a tracker by POST,
// so that none stands in an address.
func ElectionResult(id int64) string { return at("/elections", id, "/result") }

// ElectionRoll is who may vote and on which day each did, as CSV.
func ElectionRoll(id int64) string { return at("/elections", id, "/roll.csv") }

// ElectionList is the published list of ballots by tracker, as CSV.
func ElectionList(id int64) string { return at("/elections", id, "/ballots.csv") }

// ElectionBallots are the ballots as a BLT file, after the close.
func ElectionBallots(id int64) string { return at("/elections", id, "/ballots.blt") }

// ElectionSheet is the count sheet as CSV.
func ElectionSheet(id int64) string { return at("/elections", id, "/sheet.csv") }

// Policies lists what is in force.
func Policies() string { return "/policies" }

// Policy is one policy: its text, its parameters, its past.
func Policy(name string) string { return "/policies/" + slug(name) }
