package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/robust"
	"codeberg.org/althing/althing/workers"
)

// aggregateReport is what bench aggregate prints with --json. Its keys are
// read by scripts; durations are in milliseconds.
type aggregateReport struct {
	Rule       string  `json:"rule"`
	Updates    int     `json:"updates"`
	Parameters int     `json:"parameters"`
	Byzantine  int     `json:"byzantine"`
	Took       spread  `json:"took"`
	PeakRSS    float64 `json:"peak_rss_mib"` // of this process, updates included where they are in memory
	File       bool    `json:"streamed"`     // updates were not all in memory, as a server treats large ones
}

// inMemory is how many bytes of updates are kept in memory; more are read from
// a file by ranges.
const inMemory = 256 << 20

// rulesOf combine a cohort; f is how many may be hostile.
var rulesOf = map[string]func(dst []float32, c robust.Cohort, f int) error{
	"median":       robust.Median,
	"trimmed-mean": robust.TrimmedMean,
	"krum": func(dst []float32, c robust.Cohort, f int) error {
		_, err := robust.Krum(dst, c, f)
		return err
	},
	"multi-krum": func(dst []float32, c robust.Cohort, f int) error {
		n, _ := c.Size()
		_, err := robust.MultiKrum(dst, c, f, n-f-2)
		return err
	},
	"bulyan": func(dst []float32, c robust.Cohort, f int) error {
		_, err := robust.Bulyan(dst, c, f)
		return err
	},
	"geomedian": func(dst []float32, c robust.Cohort, f int) error {
		n, _ := c.Size()
		_, err := robust.GeometricMedian(dst, c, slices.Repeat([]int64{1}, n), f, 1e-6, iterations)
		return err
	},
	"centered": func(dst []float32, c robust.Cohort, f int) error {
		_, err := robust.CenteredClip(dst, c, nil, f, radius, iterations)
		return err
	},
}

// iterations are as many as a recipe has that does not say; radius is one within
// which none of the made-up updates lies.
const (
	iterations = 4
	radius     = 0.01
)

// benchAggregate combines made-up updates by one rule, as the job of a round
// does, and says how long that took.
func benchAggregate(ctx context.Context, t Terminal, args []string) error {
	set := flags("bench aggregate", t)
	rule := set.String("rule", "fedavg", "fedavg, "+strings.Join(slices.Sorted(maps.Keys(rulesOf)), ", "))
	updates := set.Int("updates", 10, "of the cohort")
	parameters := set.Int("parameters", 1_000_000, "of an update")
	f := set.Int("byzantine", 0, "hostile updates to bear")
	repeat := set.Int("repeat", 5, "times")
	asJSON := set.Bool("json", false, "print one JSON object")
	rest, err := parse(set, args)
	if err != nil {
		return err
	}
	combine, robustly := rulesOf[*rule]
	if len(rest) > 0 || *updates < 1 || *parameters < 1 || *f < 0 || *repeat < 1 || !robustly && *rule != "fedavg" {
		return fmt.Errorf("%w: bench aggregate takes a rule that it knows, an update, a parameter and a repetition at least", errUsage)
	}
	r := aggregateReport{Rule: *rule, Updates: *updates, Parameters: *parameters, Byzantine: *f}
	var took times
	if robustly {
		err = r.robust(ctx, combine, *repeat, &took)
	} else {
		err = r.mean(ctx, *repeat, &took)
	}
	if err != nil {
		return err
	}
	r.Took, r.PeakRSS = took.spread(), peakRSS()
	if *asJSON {
		return json.NewEncoder(t.Out).Encode(r)
	}
	how := "in memory"
	if r.File {
		how = "streamed"
	}
	fmt.Fprintf(t.Out, "%s of %d updates with %d parameters, %s, bearing %d\n%s, peak memory %.0f MiB\n", r.Rule, r.Updates, r.Parameters, how, r.Byzantine, r.Took, r.PeakRSS)
	return nil
}

// fill makes the numbers of an update, of both signs and small; the same ones
// in every run.
func fill(dst []float32, update int) {
	x := uint64(update)*0x9e3779b97f4a7c15 + 1
	for i := range dst {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		dst[i] = float32(int32(x)) / (1 << 37)
	}
}

// mean sums updates that are in memory together, and larger ones one after the
// other as they are decrypted: then there is never more than one, and making it
// is not counted.
func (r *aggregateReport) mean(ctx context.Context, repeat int, took *times) error {
	dst, weights := make([]float32, r.Parameters), make([]int64, r.Updates)
	rows := make([][]float32, r.Updates)
	r.File = 4*int64(r.Updates)*int64(r.Parameters) > inMemory
	for k := range rows {
		weights[k] = int64(1000 + k)
		if rows[k] = dst; !r.File {
			rows[k] = make([]float32, r.Parameters)
			fill(rows[k], k)
		}
	}
	for range repeat {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.File {
			debug.FreeOSMemory() // the sum of the time before
		}
		began := time.Now()
		if !r.File {
			if err := fedavg.Average(dst, rows, weights); err != nil {
				return err
			}
			took.add(time.Since(began))
			continue
		}
		sum := fedavg.NewMean(r.Parameters)
		var making time.Duration
		for k := range r.Updates {
			pause := time.Now()
			fill(dst, k)
			making += time.Since(pause)
			if err := sum.Add(dst, weights[k]); err != nil {
				return err
			}
		}
		if err := sum.Into(dst); err != nil {
			return err
		}
		took.add(time.Since(began) - making)
	}
	return nil
}

func (r *aggregateReport) robust(ctx context.Context, combine func([]float32, robust.Cohort, int) error, repeat int, took *times) (err error) {
	var cohort robust.Cohort
	if r.File = 4*int64(r.Updates)*int64(r.Parameters) > inMemory; r.File {
		file, err := spoolUpdates(r.Updates, r.Parameters)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		cohort = file
	} else {
		rows := make([][]float32, r.Updates)
		for k := range rows {
			rows[k] = make([]float32, r.Parameters)
			fill(rows[k], k)
		}
		cohort = robust.Memory(rows)
	}
	dst := make([]float32, r.Parameters)
	for range repeat {
		if err := ctx.Err(); err != nil {
			return err
		}
		began := time.Now()
		if err := combine(dst, cohort, r.Byzantine); err != nil {
			return err
		}
		took.add(time.Since(began))
	}
	return nil
}

func spoolUpdates(n, dim int) (*workers.Spool, error) {
	file, err := workers.NewSpool(n, dim)
	if err != nil {
		return nil, err
	}
	row := make([]float32, dim)
	for k := 0; k < n && err == nil; k++ {
		fill(row, k)
		err = file.Set(k, row)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
