package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// serve runs the platform until it is told to stop.
func serve(ctx context.Context, t Terminal, args []string) error {
	set := flags("serve", t)
	s := addSettings(set)
	set.BoolVar(&s.NewKeys, "new-keys", false, "the old keys are lost for good: those of this folder are the community's from now on")
	rest, err := parse(set, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: serve takes no argument %q", errUsage, rest[0])
	}
	if err := s.complete(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Addr, err)
	}
	p, err := open(ctx, *s, t.logger())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := rememberDir(s.Dir); err != nil {
		return errors.Join(err, l.Close(), p.close(ctx))
	}
	link, err := p.foundingLink(ctx)
	if err != nil {
		return errors.Join(err, l.Close(), p.close(ctx))
	}
	fmt.Fprintf(t.Out, "Althing serves %s from %s\n", s.URL, s.Dir)
	if link != "" {
		fmt.Fprintf(t.Out, "\nNobody has founded this community yet. Open this link once, and soon:\n\n  %s\n\n", link)
	}
	return errors.Join(p.run(ctx, l), p.close(ctx))
}

// migrate brings the database to this version and stops.
func migrate(ctx context.Context, t Terminal, args []string) error {
	set := flags("migrate", t)
	s := addSettings(set)
	if _, err := parse(set, args); err != nil {
		return err
	}
	if err := s.complete(); err != nil {
		return err
	}
	p, err := openDatabase(ctx, *s, t.logger())
	if err != nil {
		return err
	}
	fmt.Fprintln(t.Out, "The database is at this program's version.")
	return p.close(ctx)
}
