package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// Options say how a node runs. Dir and Out are needed.
type Options struct {
	Dir    string            // the node's folder
	Folder string            // of text to train on; it is only read. "" reads what sources.json in Dir names
	Text   localdata.Options // what of Folder is read
	Region string            // as the owner declares it (protocol.Regions); "" is not said, or what sources.json says
	Probes string            // file of planted canaries, "" for none
	Limits *Limits           // replaces the file limits.json, if set
	Out    io.Writer         // one line for each thing that happens
	HTTP   *http.Client

	Now   func() time.Time                           // the machine's clock; time.Now if nil
	Sleep func(context.Context, time.Duration) error // waits; a timer if nil
	Wait  time.Duration                              // of one long poll; 50 s if 0
	Renew time.Duration                              // between renewals of a lease; 20 s if 0
	// Most ends Run after that many answered assignments; 0 goes on for ever.
	Most int

	disk blobs.Options // how full the disk of models and updates may be
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Wait == 0 {
		o.Wait = protocol.MaxWait
	}
	if o.Renew == 0 {
		o.Renew = 20 * time.Second
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backoff waits longer after each failure, up to a minute, and by a random
// share, so that a thousand nodes do not come back in the same second. Its
// seed is the node's own.
type backoff struct {
	random *rand.Rand
	failed int
}

const longest = time.Minute

// longestAway is how long the platform may send a node away at once: what
// needs every node, as suppression does, waits no longer.
const longestAway = 30 * time.Minute

func (b *backoff) next() time.Duration {
	ceiling := longest
	if b.failed < 6 {
		ceiling = min(longest, time.Second<<b.failed)
	}
	b.failed++
	return ceiling/4 + time.Duration(b.random.Int64N(int64(ceiling*3/4)))
}

// runner is one run of a node.
type runner struct {
	Options
	state  *State
	client *client
	limits Limits
	text   corpus
	told   time.Time // when the manifest was last looked at
	out    int64     // records that the owner opted out
	last   handled
	step   atomic.Int64 // of the training under way

	roundTrip int64 // milliseconds of the last small request; 0 before the first

	before map[measured]protocol.Report // what was measured, kept until there is too much of it

	engines engines
	most    int // steps to do when an update is computed again; 0 is all
}

// handled names an assignment as it was last given out.
type handled struct {
	id    training.AssignmentID
	epoch int
}

// errAgain says that the platform gives out what was answered a moment ago.
// The node waits, so that the two do not run in circles.
var errAgain = errors.New("the platform gives out the same assignment again")

// Run serves the platform until the context ends or the node may not go on:
// it was revoked, or its folder cannot be used. Failures that pass by
// themselves are waited out.
func Run(ctx context.Context, options Options) (err error) {
	o := options.withDefaults()
	s, err := openState(o.Dir, o.disk)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r := &runner{Options: o, state: s}
	if r.limits, err = readLimits(s, o.Limits); err != nil {
		return err
	}
	r.client = &client{http: httpClient(o.HTTP), id: s.Identity, key: s.key, now: o.Now}
	r.say("node %d, “%s”, of member %d at %s; %d threads", s.Identity.Node, printable(s.Identity.Name), s.Identity.Owner, s.Identity.URL, r.limits.threads())
	if err := r.scan(ctx); err != nil {
		return err
	}
	seed := sha256.Sum256(s.key.Seed())
	wait := &backoff{random: rand.New(rand.NewChaCha8(seed))}
	for answered := 0; o.Most == 0 || answered < o.Most; {
		n, err := r.once(ctx)
		answered += n
		switch {
		case ctx.Err() != nil:
			r.say("stopped")
			return nil
		case err == nil:
			wait.failed = 0
			continue
		case !passing(err) && !full(err):
			return err
		}
		d := wait.next()
		r.say("%v; trying again in %v", err, d.Round(100*time.Millisecond))
		if err := o.Sleep(ctx, d); err != nil {
			r.say("stopped")
			return nil
		}
	}
	return nil
}

// theirs is a time of this machine's clock as the platform's clock has it.
func (r *runner) theirs(t time.Time) time.Time {
	if r.client == nil { // work that is done again without a platform
		return t
	}
	return t.Add(time.Duration(r.client.ahead.Load()))
}

func readLimits(s *State, replace *Limits) (Limits, error) {
	var l Limits
	if replace != nil {
		l = *replace
	} else if _, err := s.read(limitsFile, &l); err != nil {
		return l, err
	}
	return l, l.Check()
}

func (r *runner) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// once asks for work and does it; it returns how many assignments were
// answered.
func (r *runner) once(ctx context.Context) (int, error) {
	if ok, wait := r.limits.allowed(r.Now()); !ok {
		r.say("resting for %v: outside the hours %s that you allow", wait, r.limits.Hours)
		return 0, r.Sleep(ctx, wait)
	}
	if err := r.tell(ctx); err != nil {
		return 0, err
	}
	seen, err := r.state.remembered()
	if err != nil {
		return 0, err
	}
	a, ok, back, err := r.client.work(ctx, r.Wait, seen.Size)
	if now := r.theirs(r.Now()); err == nil && !ok && back.After(now) {
		away := min(back.Sub(now), longestAway)
		r.say("not needed for now; asking again in %v", away.Round(time.Second))
		return 0, r.Sleep(ctx, away)
	}
	if err != nil || !ok {
		return 0, err
	}
	if err := r.handle(ctx, a); err != nil {
		return 0, fmt.Errorf("assignment %d: %w", a.ID, err)
	}
	now := handled{a.ID, a.Epoch}
	if now == r.last {
		return 1, errAgain
	}
	r.last = now
	return 1, nil
}
