package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"time"
)

// Config says where the platform is that the demonstration is played on.
type Config struct {
	Base     string // address of the site, "http://localhost:8080"
	Founding string // the link that founds the community
	Binary   string // the program whose "node join" and "node run" are the nodes
	Dir      string // where the nodes' folders are made
	Data     string // folder of text for the nodes; "" takes the Go standard library
	JSON     string // file for the figures, "" for none
	Deadline int    // seconds in which a node must train a round or measure
	Out      io.Writer
	Log      *slog.Logger
	Begun    time.Time // when the program started, for the time to the first page
	// Verify checks the whole log by its public addresses, and that the polls,
	// rights, rounds and versions that its entries alone tell of are those of
	// the site. It returns the log's size and how many of these it compared.
	Verify func(ctx context.Context, base string) (entries, compared int, err error)
}

// ErrIncomplete says which step could not be played.
var ErrIncomplete = errors.New("the demonstration was not played to its end")

// Run plays the demonstration and returns what was counted, also when a step
// failed. It ends the node processes that it started.
func Run(ctx context.Context, c Config) (Figures, error) {
	base, err := url.Parse(c.Base)
	if err != nil || base.Host == "" {
		return Figures{}, fmt.Errorf("play the demonstration: %q is no address of a site", c.Base)
	}
	if c.Begun.IsZero() {
		c.Begun = time.Now()
	}
	nodes, stop := context.WithCancel(ctx)
	s := &story{
		Config: c, base: base, screen: newScreen(c.Out, c.Begun), running: machines{stop: stop},
		launch: func(m machine) (*process, error) { return m.start(nodes, c.Binary) },
		random: rand.New(rand.NewPCG(2026, 11)), people: map[string]*person{},
	}
	defer s.running.close()
	err = s.play(ctx)
	s.Seconds = time.Since(c.Begun).Seconds()
	if c.JSON != "" {
		err = errors.Join(err, s.Figures.write(c.JSON))
	}
	s.screen.table("What happened", s.Figures.lines())
	if err == nil {
		s.screen.table("Look around", s.places())
	}
	return s.Figures, err
}

// play runs the steps in order. A step that fails ends the demonstration: each
// needs what the ones before it left, and none is left out.
func (s *story) play(ctx context.Context) error {
	for _, step := range s.steps() {
		begun := time.Now()
		s.screen.step(step.name)
		result, err := step.run(ctx)
		if err == nil {
			err = s.running.ended()
		}
		if err != nil {
			s.screen.done(step.name, "FAILED: "+err.Error())
			return fmt.Errorf("%w: %s: %w", ErrIncomplete, step.name, err)
		}
		s.Steps = append(s.Steps, Timed{step.name, result, time.Since(begun).Seconds()})
		s.screen.done(step.name, result)
		s.Log.DebugContext(ctx, "demonstration step", slog.String("step", step.name), slog.String("result", result))
	}
	return nil
}
