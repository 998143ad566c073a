package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Figures are what the demonstration counted and measured. All of them were
// read from the site; losses are in nats per byte, exposures in bits.
type Figures struct {
	Members          int     `json:"members"`
	Nodes            int     `json:"nodes"`
	Pages            int     `json:"pages"`   // written or edited
	Ballots          int     `json:"ballots"` // public and secret ones
	Proposals        int     `json:"proposals"`
	Rounds           int     `json:"rounds"`   // accepted, of the campaign
	Replayed         int     `json:"replayed"` // accepted, of the replay
	LossFirst        float64 `json:"loss_first"`
	LossLast         float64 `json:"loss_last"`
	UnigramEntropy   float64 `json:"unigram_entropy"` // of the nodes' text: what byte frequencies alone would give
	TokensPerSecond  float64 `json:"tokens_per_second"`
	Canaries         int     `json:"canaries"`        // whose exposure was measured
	References       int     `json:"references"`      // among which each was ranked
	ExposureBefore   float64 `json:"exposure_before"` // mean over the canaries
	ExposureAfter    float64 `json:"exposure_after"`
	Secret           bool    `json:"secret_given_away"` // by the trained version
	SecretAfter      bool    `json:"secret_after"`      // by the version that replaced it
	UtilityChange    float64 `json:"utility_change"`    // relative loss for the others; 0.01 is one per cent worse
	Checks           []Check `json:"checks"`            // of the certificate
	LogSize          int     `json:"log_size"`          // entries
	Compared         int     `json:"replay_agrees_on"`  // polls, members' rights, rounds and versions rebuilt from the log alone
	Verified         bool    `json:"verified"`
	FirstPageSeconds float64 `json:"first_page_seconds"` // from the program's start
	TrainingSeconds  float64 `json:"training_seconds"`
	UnlearnSeconds   float64 `json:"unlearn_seconds"` // from the decision to the certificate
	Seconds          float64 `json:"seconds"`
	Steps            []Timed `json:"steps"`
}

// Check is one line of the certificate as it is shown.
type Check struct {
	ID      string `json:"id"` // "V12"
	Name    string `json:"name"`
	Before  string `json:"before"`
	After   string `json:"after"`
	Band    string `json:"band"`    // where After should lie
	Verdict string `json:"verdict"` // passed, outside or not measured
	Decides bool   `json:"decides"` // whether a failure refuses the version
}

// Timed is a step and how long it took.
type Timed struct {
	Name    string  `json:"name"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
}

// lines are the figures for the terminal.
func (f Figures) lines() [][2]string {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	return [][2]string{
		{"members, nodes", fmt.Sprintf("%d, %d", f.Members, f.Nodes)},
		{"pages written", fmt.Sprint(f.Pages)},
		{"proposals, ballots", fmt.Sprintf("%d, %d", f.Proposals, f.Ballots)},
		{"rounds, replayed rounds", fmt.Sprintf("%d, %d", f.Rounds, f.Replayed)},
		{"loss, nats per byte", fmt.Sprintf("%.3f → %.3f (byte frequencies alone: %.3f)", f.LossFirst, f.LossLast, f.UnigramEntropy)},
		{"training", fmt.Sprintf("%.0f tokens/s over all nodes, %.0f s", f.TokensPerSecond, f.TrainingSeconds)},
		{"exposure of the canaries, bits", fmt.Sprintf("%.2f → %.2f (chance: 1.44); %d canaries among %d others each", f.ExposureBefore, f.ExposureAfter, f.Canaries, f.References)},
		{"checks of the certificate", f.verdicts()},
		{"secret given away", yes(f.Secret) + ", after unlearning " + yes(f.SecretAfter)},
		{"unlearning", fmt.Sprintf("%.0f s from decision to certificate; loss of the others %+.2f %%", f.UnlearnSeconds, 100*f.UtilityChange)},
		{"log", fmt.Sprintf("%d entries, verified: %s; replay gives the same %d polls, rights, rounds and versions", f.LogSize, yes(f.Verified), f.Compared)},
		{"first page after", fmt.Sprintf("%.1f s", f.FirstPageSeconds)},
		{"whole run", fmt.Sprintf("%.0f s", f.Seconds)},
	}
}

// verdicts names the checks that passed, and the others with what they say.
func (f Figures) verdicts() string {
	var passed, others []string
	for _, c := range f.Checks {
		if c.Verdict == "passed" {
			passed = append(passed, c.ID)
		} else {
			others = append(others, c.ID+" "+c.Verdict)
		}
	}
	return strings.Join(append([]string{"passed: " + strings.Join(passed, ", ")}, others...), "; ")
}

// write stores the figures as JSON.
func (f Figures) write(path string) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
