package torch

import "errors"

// Why a job gave no result. Ask with errors.Is; the text around them is for
// the node's owner.
var (
	ErrMissing     = errors.New("no Python with PyTorch 1.13 or newer was found")
	ErrRefused     = errors.New("the trainer refused the job")
	ErrMemory      = errors.New("the trainer ran out of memory")
	ErrInterrupted = errors.New("the trainer was interrupted")
	ErrDiverged    = errors.New("training failed")
	ErrTime        = errors.New("the trainer took longer than the owner allows")
	ErrSilent      = errors.New("the trainer hung: it said nothing for too long, and was ended")
	ErrCrashed     = errors.New("the trainer crashed")
	ErrLied        = errors.New("the trainer's result is not what it says, and is not used")
)

// ErrEnough is what Training.Progress returns for the end of a job whose Partial
// is set: the steps that were done are its result, and that is no failure.
var ErrEnough = errors.New("enough was done")

// Cause returns which of the above an error is, without the details, which may
// name folders of this machine.
func Cause(err error) error {
	for _, e := range []error{ErrLied, ErrSilent, ErrTime, ErrMemory, ErrDiverged, ErrRefused, ErrInterrupted, ErrCrashed, ErrMissing} {
		if errors.Is(err, e) {
			return e
		}
	}
	return errors.New("the trainer failed")
}

// exits are the exit codes of the contract.
var exits = map[int]error{2: ErrRefused, 3: ErrMemory, 4: ErrMissing, 5: ErrInterrupted, 6: ErrDiverged, 7: ErrTime}
