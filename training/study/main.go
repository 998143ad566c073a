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
	target := set.Float64("target", .25, "rounds: the accuracy, a share")
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
	windows := map[string]int{"rounds": 24, "hostile": 400}[args[0]]
	roles, err := rolesOf(string(data), max(windows, 2))
	if err != nil {
		return err
	}
	switch args[0] {
	case "rounds":
		s := roundsStudy{target: *target, most: 1500, share: 10, tested: 256, seed: 1}
		if *most > 0 {
			s.most = *most
		}
		curves, err := s.run(roles, os.Stderr)
		if err != nil {
			return err
		}
		writeRounds(os.Stdout, s, len(roles), curves)
		if *figure != "" {
			return drawRounds(*figure, s, curves)
		}
		return nil
	case "hostile":
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
