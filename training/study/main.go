package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	set := flag.NewFlagSet("study", flag.ContinueOnError)
	text := set.String("text", "", "speeches by role")
	figure := set.String("svg", "", "rounds: where to write the figure")
	keep := set.String("kept", "", "rounds: a file that keeps finished curves, from which a study that was cut goes on")
	target := set.Float64("target", .40, "rounds: the accuracy, a share")
	most := set.Int("rounds", 0, "rounds of an arm at most; 0 as many as the figures in docs were made with")
	if len(args) == 0 {
		return fmt.Errorf("say “study rounds --text FILE” or “study hostile --text FILE”")
	}
	if err := set.Parse(args[1:]); err != nil {
		return err
	}
	data, err := os.ReadFile(*text)
	if err != nil {
		return fmt.Errorf("read the speeches: %w", err)
	}
	switch args[0] {
	case "rounds":
		s := published()
		s.target = *target
		if *most > 0 {
			s.most = *most
		}
		return rounds(s, string(data), *keep, *figure)
	case "hostile":
		roles, err := rolesOf(string(data), shape().Context, 400)
		if err != nil {
			return err
		}
		s := hostileStudy{before: 1500, rounds: 8, steps: 10, tested: 256, seed: 1}
		if *most > 0 {
			s.rounds = *most
		}
		clean, under, err := s.run(largestFirst(roles), os.Stderr)
		if err != nil {
			return err
		}
		writeHostile(os.Stdout, s, clean, under)
		return nil
	}
	return fmt.Errorf("there is no study %q", args[0])
}

// rounds plays the first study and writes its tables and its figure.
func rounds(s roundsStudy, text, keep, figure string) error {
	roles, symbols, err := s.clientsOf(text)
	if err != nil {
		return err
	}
	var k *kept
	if keep != "" {
		if k, err = readKept(keep, fmt.Sprintf("%+v", s)); err != nil {
			return err
		}
	}
	all, err := s.run(roles, symbols, k, os.Stderr)
	if err != nil {
		return err
	}
	writeRounds(os.Stdout, s, roles, all)
	if figure != "" {
		return drawRounds(figure, s, all)
	}
	return nil
}
