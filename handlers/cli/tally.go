package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance/tally"
)

// count counts a ballot file again, stage by stage.
func count(_ context.Context, t Terminal, args []string) error {
	set := flags("tally", t)
	rule := set.String("rule", "scottish-stv", "scottish-stv or meek-prf")
	order := set.String("lot", "", "order in which ties fall, candidates by number, as 3,1,2; the first goes out first")
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
	lot, err := lotOrder(*order, len(profile.Candidates))
	if err != nil {
		return err
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

// lotOrder reads the order of the lot that a result page names; without one
// it is the order of the file.
func lotOrder(text string, candidates int) ([]int, error) {
	lot := make([]int, 0, candidates)
	if text == "" {
		for i := range candidates {
			lot = append(lot, i)
		}
		return lot, nil
	}
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > candidates || slices.Contains(lot, n-1) {
			return nil, fmt.Errorf("%w: --lot %q must name each of the %d candidates once, by number", errUsage, text, candidates)
		}
		lot = append(lot, n-1)
	}
	if len(lot) != candidates {
		return nil, fmt.Errorf("%w: --lot %q names %d of %d candidates", errUsage, text, len(lot), candidates)
	}
	return lot, nil
}
