package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/althing/althing/workers/demo"
	"golang.org/x/sync/errgroup"
)

// played marks the folder of a demonstration that was played to its end. It
// is served from then on and never played again.
const played = "demo-finished"

// playDemo plays a community's whole life on a new platform and then serves it.
func playDemo(ctx context.Context, t Terminal, args []string) (err error) {
	begun := time.Now()
	set := flags("demo", t)
	s := addSettings(set)
	s.Dir = ""                   // a demonstration has a folder of its own
	s.Crowd = 2 * demo.Members() // all from this machine, and then whoever looks around
	exit := set.Bool("exit", false, "use a temporary folder and stop at the end")
	figures := set.String("json", "", "file for the figures")
	data := set.String("data", "", "folder of text, dealt to the nodes in the order of file names; the Go standard library if empty")
	deadline := set.Int("deadline", 100, "seconds in which a node must train a round or measure; more for slow or busy machines")
	if rest, err := parse(set, args); err != nil || len(rest) > 0 {
		return errors.Join(err, usageOf(rest))
	}
	if *exit && s.Addr == defaultAddr {
		s.Addr = "localhost:0" // beside a server that is running
	}
	if s.Dir, err = demoDir(s.Dir, *exit); err != nil {
		return err
	}
	if *exit {
		defer func() { err = errors.Join(err, os.RemoveAll(s.Dir)) }()
	}
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Addr, err)
	}
	if *exit {
		s.Addr = l.Addr().String()
		s.URL = "http://" + s.Addr
	}
	if err := s.complete(); err != nil {
		return errors.Join(err, l.Close())
	}
	p, err := open(ctx, *s, t.logger())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return errors.Join(p.demonstrate(ctx, t, l, demonstration{begun: begun, exit: *exit, json: *figures, data: *data, deadline: *deadline}), p.close(ctx))
}

func usageOf(rest []string) error {
	if len(rest) == 0 {
		return nil
	}
	return fmt.Errorf("%w: demo takes no argument %q", errUsage, rest[0])
}

// demoDir is where the demonstration lives: a temporary folder, the one that
// was asked for, or the usual one. What an interrupted demonstration left is
// kept and another folder taken.
func demoDir(asked string, exit bool) (string, error) {
	switch {
	case exit && asked == "":
		dir, err := os.MkdirTemp("", "althing-demo-")
		if err == nil {
			err = os.Chmod(dir, 0o755) // Postgres runs as another user when root starts it
		}
		return dir, err
	case asked != "":
		return asked, nil
	}
	for n := 1; ; n++ {
		dir := filepath.Join(dataHome(), fmt.Sprintf("demo-%d", n))
		_, begun := os.Stat(dir)
		_, done := os.Stat(filepath.Join(dir, played))
		if errors.Is(begun, os.ErrNotExist) || done == nil {
			return dir, nil
		}
	}
}

// demonstration is how the demonstration is to be played.
type demonstration struct {
	begun      time.Time
	exit       bool
	json, data string
	deadline   int // seconds
}

// demonstrate serves the platform while the story is played, and after it
// until the context ends.
func (p *platform) demonstrate(ctx context.Context, t Terminal, l net.Listener, d demonstration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error { return p.run(serving, l) })
	err := p.play(serving, t, d)
	switch {
	case err != nil || d.exit:
		stop()
	default:
		fmt.Fprintf(t.Out, "\nThe site stays up at %s until you press Ctrl-C; “go run .” serves it again.\n", p.settings.URL)
	}
	return errors.Join(err, group.Wait())
}

// play plays the story unless this folder's was played before.
func (p *platform) play(ctx context.Context, t Terminal, d demonstration) error {
	mark := filepath.Join(p.settings.Dir, played)
	if _, err := os.Stat(mark); err == nil {
		fmt.Fprintf(t.Out, "The demonstration in %s was played already.\n", p.settings.Dir)
		return rememberDir(p.settings.Dir)
	}
	link, err := p.foundingLink(ctx)
	if err != nil {
		return err
	}
	if link == "" {
		return fmt.Errorf("%s holds a community already; name another folder with --dir", p.settings.Dir)
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	nodes := filepath.Join(p.settings.Dir, "nodes")
	if err := os.MkdirAll(nodes, 0o755); err != nil {
		return fmt.Errorf("make folder of the nodes: %w", err)
	}
	_, err = demo.Run(ctx, demo.Config{
		Base: p.settings.URL, Founding: link, Binary: binary, Dir: nodes, Data: d.data, JSON: d.json, Out: t.Out, Log: p.log, Begun: d.begun,
		Deadline: d.deadline,
		Verify: func(ctx context.Context, base string) (int, int, error) {
			state, size, err := verifyLog(ctx, io.Discard, base, p.keys.LogKey)
			if err != nil {
				return 0, 0, err
			}
			same, err := p.agree(ctx, state)
			return int(size), same, err
		},
	})
	if err != nil || d.exit {
		return err
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		return fmt.Errorf("mark the demonstration as played: %w", err)
	}
	return rememberDir(p.settings.Dir)
}
