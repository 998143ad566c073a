package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// corpus is the owner's text as it was last read.
type corpus struct {
	localdata.Corpus
	summary protocol.ManifestSummary
}

// lookAgain is how often an idle node looks for changed text.
const lookAgain = 10 * time.Minute

// scan reads the folder. Files that cannot be read are named to the owner and
// to nobody else; a folder without text is an error.
func (r *runner) scan(ctx context.Context) error {
	pieces, report, err := r.read(ctx)
	const shown = 10
	for i, skip := range report.Skipped {
		if i == shown {
			r.say("… and %d more files left out", len(report.Skipped)-shown)
			break
		}
		r.say("left out %s: %s", skip.Path, skip.Reason)
	}
	if errors.Is(err, localdata.ErrNoText) && r.Folder != "" {
		return fmt.Errorf("%s holds no text that can be read; put files in UTF-8 there, or give another folder: %w", r.Folder, err)
	}
	if err != nil {
		return err
	}
	c, err := r.state.records.Corpus(pieces, r.state.Identity.Split)
	if err != nil {
		return err
	}
	r.text = corpus{Corpus: c, summary: r.summary(c, len(report.Skipped))}
	m := r.text.summary
	r.say("%d files: %d records to train on (%d tokens), %d to measure with, %d twins set aside, %d held back; %d secrets taken out",
		report.Files, m.Records, m.Tokens, m.Validation, m.Twins, m.Suppressed, len(report.Findings))
	return nil
}

// summary counts what may be known of the text outside.
func (r *runner) summary(c localdata.Corpus, rejected int) protocol.ManifestSummary {
	m := protocol.ManifestSummary{Root: c.Manifest().Root(), Rejected: int64(rejected), Suppressed: r.out, Public: r.limits.Public}
	for _, rule := range r.state.records.Rules() {
		if rule.All {
			m.Suppressed = int64(len(c.Records))
			return m
		}
	}
	for _, rec := range c.Records {
		switch rec.Part {
		case localdata.Train:
			m.Records++
			m.Bytes += int64(len(rec.Text))
			m.Tokens += int64(rec.Tokens)
		case localdata.Validate:
			m.Validation++
		case localdata.Twin:
			m.Twins++
		}
	}
	return m
}

// told is the summary that the platform has, so that a restart does not send
// it again.
type told struct {
	Summary protocol.ManifestSummary `json:"summary"`
	At      int64                    `json:"at"`     // Unix seconds
	Strata  training.Digest          `json:"strata"` // of what was told of its make-up; zero for nothing
}

const toldFile = "told.json"

// tell sends the manifest's summary if the platform does not have it.
func (r *runner) tell(ctx context.Context) error {
	now := r.Now()
	if !r.told.IsZero() && now.Sub(r.told) < lookAgain {
		return nil
	}
	if !r.told.IsZero() {
		if err := r.scan(ctx); err != nil {
			return err
		}
	}
	var last told
	if _, err := r.state.read(toldFile, &last); err != nil {
		return err
	}
	if last.Summary != r.text.summary {
		last = told{Summary: r.text.summary, At: now.Unix()}
		text, err := json.Marshal(last)
		if err != nil {
			return err
		}
		operation := "manifest-" + training.DigestOf(text).Hex()[:32]
		if err := r.client.post(ctx, protocol.PathManifest, last.Summary, operation, nil); err != nil {
			return err
		}
		if err := r.state.save(toldFile, last); err != nil {
			return err
		}
	}
	strata, err := r.tellStrata(ctx, last.Strata)
	if err != nil {
		return err
	}
	if strata != last.Strata {
		last.Strata = strata
		if err := r.state.save(toldFile, last); err != nil {
			return err
		}
	}
	seen := Capabilities()
	for known := false; !known; { // what the first request takes is told by a second one
		known = r.roundTrip > 0
		seen.RoundTrip = r.roundTrip
		sent := r.Now()
		if err := r.client.post(ctx, protocol.PathSeen, seen, "", nil); err != nil {
			return err
		}
		r.roundTrip = max(1, r.Now().Sub(sent).Milliseconds())
	}
	r.told = now
	return nil
}

// use returns what a round trains on: for a new round the text as it is now,
// for one that was begun before the same text as then.
func (r *runner) use(ctx context.Context, a protocol.Assignment) (localdata.Use, error) {
	if !a.Manifest.IsZero() {
		return r.state.records.ReplayManifest(a.Manifest)
	}
	if _, err := r.state.records.Replay(a.Round); err != nil {
		if err := r.scan(ctx); err != nil {
			return localdata.Use{}, err
		}
	}
	return r.state.records.Begin(a.Round, r.text.Corpus)
}

func suppressedIn(use localdata.Use) (n int64) {
	for _, count := range use.Suppressed {
		n += int64(count)
	}
	return n
}

// suppress keeps the owner's records out of every later training, if they are
// whom the decision forgets. The rule is on the disk before the node answers.
func (r *runner) suppress(a protocol.Assignment) (protocol.Report, error) {
	report := protocol.Report{Assignment: a.ID, Epoch: a.Epoch}
	if a.Forget.Contributor != r.state.Identity.Owner {
		return report, nil
	}
	if err := r.state.records.Suppress(localdata.Rule{Case: training.UnlearningID(a.Unlearning), All: true}); err != nil {
		return report, err
	}
	erased, err := r.state.records.Erase()
	if err != nil {
		return report, err
	}
	report.Suppressed = int64(len(r.text.Records))
	report.Manifest = r.text.summary.Root
	r.text.summary = r.summary(r.text.Corpus, int(r.text.summary.Rejected))
	r.told = time.Time{} // the platform hears of it before the next work
	r.say("from now on nothing of %d records is trained on; %d stored copies were deleted", report.Suppressed, erased)
	return report, nil
}
