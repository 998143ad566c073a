package cli

import (
	"context"
	"fmt"
	"os"

	"codeberg.org/althing/althing/governance/tally"
)

// count counts a ballot file again, stage by stage.
func count(_ context.Context, t Terminal, args []string) error {
	set := flags("tally", t)
	rule := set.String("rule", "scottish-stv", "scottish-stv or meek-prf")
	rest, err := parse(set, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return fmt.Errorf("%w: name one ballot file", errUsage)
	}
	f, err := os.Open(rest[0])
	if err != nil {
		return fmt.Errorf("open ballots: %w", err)
	}
	defer f.Close()
	profile, err := tally.ParseBLT(f, tally.DefaultLimits())
	if err != nil {
		return err
	}
	lot := make([]int, len(profile.Candidates))
	for i := range lot {
		lot[i] = i
	}
	var lines []string
	switch *rule {
	case "scottish-stv":
		result, err := tally.Scottish(profile, lot)
		if err != nil {
			return err
		}
		lines = result.Explain(profile.Candidates)
	case "meek-prf":
		result, err := tally.Meek(profile, lot)
		if err != nil {
			return err
		}
		lines = result.Explain(profile.Candidates)
	default:
		return fmt.Errorf("%w: there is no rule %q", errUsage, *rule)
	}
	for _, line := range lines {
		fmt.Fprintln(t.Out, line)
	}
	return nil
}
