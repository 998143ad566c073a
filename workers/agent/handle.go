package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// refused is why the node does not do an assignment. The platform is told.
type refused struct{ reason string }

func (e *refused) Error() string { return e.reason }

func refuse(format string, args ...any) error { return &refused{fmt.Sprintf(format, args...)} }

// errCancelled says that the platform does not wait for the answer any more.
var errCancelled = errors.New("the platform does not wait any more")

// full reports whether this machine's disk, or the platform's, is full.
func full(err error) bool {
	return governance.Is(err, governance.Full) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// handle does one assignment and reports it: refused, done now, or done before.
func (r *runner) handle(ctx context.Context, a protocol.Assignment) error {
	var before done
	known, err := r.state.read(doneFile(a.ID), &before)
	if err != nil {
		return err
	}
	if err := r.check(a); err != nil {
		return r.decline(ctx, a, err)
	}
	if known && before.Epoch == a.Epoch && r.kept(ctx, a.Kind, before.Report) {
		r.say("assignment %d (%s, round %d): answered before, sending the same answer", a.ID, a.Kind, a.Number)
		return r.answer(ctx, a, before.Report)
	}
	r.say("assignment %d: %s, campaign %d, round %d", a.ID, a.Kind, a.Campaign, a.Number)
	r.step.Store(0)
	r.engines.used = protocol.Builtin
	begin := r.Now()
	report, err := r.leased(ctx, a)
	var no *refused
	switch {
	case errors.As(err, &no):
		return r.decline(ctx, a, err)
	case errors.Is(err, errCancelled):
		r.say("assignment %d: %v", a.ID, err)
		return nil
	case isRefusal(err, http.StatusConflict), isRefusal(err, http.StatusNotFound):
		r.say("assignment %d is over: %v", a.ID, err)
		return nil
	case err != nil:
		return err
	}
	report.Assignment, report.Epoch, report.Trainer = a.ID, a.Epoch, r.engines.used
	report.Seconds = r.Now().Sub(begin).Seconds()
	if err := r.state.save(doneFile(a.ID), done{a.Epoch, report}); err != nil {
		return err
	}
	return r.answer(ctx, a, report)
}

// kept reports whether what a report speaks of is still here.
func (r *runner) kept(ctx context.Context, kind string, report protocol.Report) bool {
	if report.Update.IsZero() || protocol.Replays(kind) {
		return true
	}
	_, err := r.state.blobs.Stat(ctx, report.Update)
	return err == nil
}

// check verifies, before anything else is done, that the assignment is the
// platform's, is for this node, and is covered by a decision in the log that
// continues the log which the node remembers. What it has seen of the log it
// remembers before it works.
func (r *runner) check(a protocol.Assignment) error {
	if err := a.Verify(r.state.Identity.Server); err != nil {
		return err
	}
	if a.Node != r.state.Identity.Node {
		return fmt.Errorf("%w: it is for node %d", protocol.ErrForged, a.Node)
	}
	verifier, err := r.state.verifier()
	if err != nil {
		return err
	}
	seen, err := r.state.remembered()
	if err != nil {
		return err
	}
	granted, err := a.Mandate.Check(verifier, seen)
	if err != nil {
		return err
	}
	if granted.Checkpoint.Size > seen.Size {
		if err := r.state.write(checkpointFile, granted.Note); err != nil {
			return err
		}
	}
	if err := protocol.Covers(granted, a); err != nil {
		return err
	}
	if (a.Kind == protocol.Train || protocol.OfSpot(a.Kind)) && a.Recipe.Public && !r.limits.Public {
		return refuse("this campaign publishes its updates, and the owner of this node has not said that all its text is public (node run --public)")
	}
	if a.BaseSize > r.limits.bytes() {
		return refuse("the model has %d MB, and the owner of this node allows %d MB", a.BaseSize>>20, r.limits.bytes()>>20)
	}
	return nil
}

// decline tells the owner and the platform why an assignment is not done. A
// report that cannot be delivered is no failure: nobody waits for it.
func (r *runner) decline(ctx context.Context, a protocol.Assignment, why error) error {
	var no *refused
	if !errors.Is(why, protocol.ErrForged) && !errors.Is(why, protocol.ErrMandate) && !errors.As(why, &no) {
		return why
	}
	reason := printable(why.Error())
	r.say("refused assignment %d: %s", a.ID, reason)
	if a.ID < 1 {
		return nil
	}
	report := protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Refused: reason}
	operation := fmt.Sprintf("refuse-%d-%d", a.ID, a.Epoch)
	err := r.client.post(ctx, protocol.PathReport, report, operation, nil)
	if isRefusal(err, http.StatusConflict) || isRefusal(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// answer delivers a report, and the update before it. That it came too late,
// or was there already, is said and is no failure.
func (r *runner) answer(ctx context.Context, a protocol.Assignment, report protocol.Report) error {
	if !report.Update.IsZero() && !protocol.Replays(a.Kind) {
		err := r.upload(ctx, a, report.Update)
		if isRefusal(err, http.StatusConflict) {
			r.say("assignment %d: %v", a.ID, err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	err := r.client.post(ctx, protocol.PathReport, report, fmt.Sprintf("report-%d-%d", a.ID, a.Epoch), nil)
	switch {
	case isRefusal(err, http.StatusConflict):
		r.say("assignment %d: %v", a.ID, err)
	case err != nil:
		return err
	default:
		r.say("assignment %d: reported", a.ID)
		if err := r.state.confirm(a); err != nil {
			return err
		}
		if a.Kind == protocol.Share { // it is with the platform, and made anew from the records when needed
			if err := r.state.blobs.Remove(ctx, report.Update); err != nil {
				return err
			}
		}
	}
	return r.prune(ctx, a.Base)
}

func isRefusal(err error, status int) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Status == status
}

// leased does the work while the lease is renewed beside it.
func (r *runner) leased(ctx context.Context, a protocol.Assignment) (protocol.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.renew(ctx, a, cancel)
	}()
	report, err := r.do(ctx, a)
	if cause := context.Cause(ctx); errors.Is(cause, errCancelled) && err != nil {
		err = errCancelled
	}
	cancel(nil)
	<-ended
	return report, err
}

// renew keeps the lease until the context ends, and ends it when the platform
// says that nobody waits. While the platform is away the work goes on.
func (r *runner) renew(ctx context.Context, a protocol.Assignment, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(r.Renew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var lease protocol.Lease
		err := r.client.post(ctx, protocol.PathLease, protocol.Renewal{Assignment: a.ID, Epoch: a.Epoch, Step: int(r.step.Load())}, "", &lease)
		if err == nil && lease.Cancelled || isRefusal(err, http.StatusNotFound) || isRefusal(err, http.StatusForbidden) {
			cancel(errCancelled)
			return
		}
	}
}

// do is the work of each kind. Covers has let no other kind through.
func (r *runner) do(ctx context.Context, a protocol.Assignment) (protocol.Report, error) {
	switch a.Kind {
	case protocol.Suppress:
		return r.suppress(a)
	case protocol.Share:
		return r.share(ctx, a)
	case protocol.Evaluate:
		return r.evaluate(ctx, a)
	}
	m, err := r.model(ctx, a)
	if err != nil {
		return protocol.Report{}, err
	}
	switch a.Kind {
	case protocol.Train:
		report, err := r.train(ctx, a, m)
		if errors.Is(err, localdata.ErrNoText) {
			return report, refuse("there is nothing to train on: %v", err)
		}
		return report, err
	case protocol.Replay, protocol.Settle:
		return r.replay(ctx, a, m)
	default:
		return r.probe(ctx, a, m)
	}
}
