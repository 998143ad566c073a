package rounds

import (
	"codeberg.org/althing/althing/training"
)

// Arguments of the jobs that acts of this package insert; package workers has
// their workers. Each names what it concerns and nothing that could be stale:
// a worker reads the state again and does nothing where it has passed.
type (
	// OpenArgs asks for the cohort of a planned round.
	OpenArgs struct {
		Round training.RoundID `json:"round"`
	}
	// DeadlineArgs ends a round's collection or evaluation when its time is over.
	DeadlineArgs struct {
		Round training.RoundID `json:"round"`
		Epoch int              `json:"epoch"`
	}
	// AggregateArgs asks for the mean of a round whose last update has come.
	AggregateArgs struct {
		Round training.RoundID `json:"round" river:"unique"`
	}
	// JudgeArgs asks to accept or reject a round whose last measurement has come.
	JudgeArgs struct {
		Round training.RoundID `json:"round" river:"unique"`
	}
	// PublishArgs asks for the gate at the end of a campaign.
	PublishArgs struct {
		Campaign training.CampaignID `json:"campaign" river:"unique"`
	}
	// DestroyArgs asks to remove the files of what an unlearning case tainted.
	DestroyArgs struct {
		Case training.UnlearningID `json:"case"`
	}
	// UnlearningArgs asks to look at an unlearning case again: a node has
	// acknowledged or measured, or a replay has ended.
	UnlearningArgs struct {
		Case training.UnlearningID `json:"case"`
	}
)

// Kind is the job's name, for ever.
func (OpenArgs) Kind() string { return "open-round" }

// Kind is the job's name, for ever.
func (DeadlineArgs) Kind() string { return "round-deadline" }

// Kind is the job's name, for ever.
func (AggregateArgs) Kind() string { return "aggregate-round" }

// Kind is the job's name, for ever.
func (JudgeArgs) Kind() string { return "judge-round" }

// Kind is the job's name, for ever.
func (PublishArgs) Kind() string { return "publish-version" }

// Kind is the job's name, for ever.
func (DestroyArgs) Kind() string { return "destroy-tainted" }

// Kind is the job's name, for ever.
func (UnlearningArgs) Kind() string { return "tend-unlearning" }
