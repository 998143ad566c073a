package agent

import (
	"context"
	"math"

	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tokenizer"
)

// scorer computes losses of texts by one model.
type scorer struct {
	evaluator *llama.Evaluator
	context   int
}

// nll returns the loss of a text in nats, each token predicted from those
// before it, the first from the end mark. A text longer than the context is
// cut into pieces of that length, each begun anew.
func (s *scorer) nll(ctx context.Context, text []byte) (float64, error) {
	targets := tokenizer.Encode(string(text))
	inputs := append([]int32{tokenizer.EndOfText}, targets...)
	sum := 0.0
	for at := 0; at < len(targets); at += s.context {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n := min(s.context, len(targets)-at)
		losses, err := s.evaluator.NLL(inputs[at:at+n], targets[at:at+n], n)
		if err != nil {
			return 0, err
		}
		for _, l := range losses {
			sum += float64(l)
		}
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, refuse("the model's loss is not a number")
	}
	return sum, nil
}

func (s *scorer) perToken(ctx context.Context, records []localdata.Record) ([]float64, error) {
	out := make([]float64, 0, len(records))
	for _, rec := range records {
		l, err := s.nll(ctx, []byte(rec.Text))
		if err != nil {
			return nil, err
		}
		out = append(out, l/float64(max(1, rec.Tokens)))
	}
	return out, nil
}

// evaluate measures the base on the records that are never trained on. Only
// sums leave, over at least protocol.MinRecords records. Each record counts
// once, by its mean loss per token in nats.
func (r *runner) evaluate(ctx context.Context, a protocol.Assignment, m *loaded) (protocol.Report, error) {
	records := r.text.Of(localdata.Validate)
	if len(records) < protocol.MinRecords {
		return protocol.Report{}, refuse("this node has %d validation records; sums over fewer than %d would tell too much of each", len(records), protocol.MinRecords)
	}
	s := &scorer{llama.NewEvaluator(m.Model, r.limits.threads()), m.Config.Context}
	losses, err := s.perToken(ctx, records)
	if err != nil {
		return protocol.Report{}, err
	}
	unigram := unigramLosses(records)
	report := protocol.Report{Manifest: r.text.summary.Root}
	for i, rec := range records {
		add(&report.Loss, losses[i], rec.Tokens)
		add(&report.Unigram, unigram[i], len(rec.Text))
	}
	r.say("loss %.4f nats per token over %d records; byte frequencies alone give %.4f",
		report.Loss.Sum/float64(len(records)), len(records), report.Unigram.Sum/float64(len(records)))
	return report, nil
}

func add(s *protocol.Sums, loss float64, tokens int) {
	s.Records++
	s.Tokens += int64(tokens)
	s.Sum += loss
	s.Squares += loss * loss
}

// unigramLosses returns, for each record, the mean loss per byte of the best
// model that knows only how often each byte occurs in all of them.
func unigramLosses(records []localdata.Record) []float64 {
	var counts [256]int
	total := 0
	for _, rec := range records {
		for _, b := range []byte(rec.Text) {
			counts[b]++
		}
		total += len(rec.Text)
	}
	out := make([]float64, len(records))
	for i, rec := range records {
		for _, b := range []byte(rec.Text) {
			out[i] -= math.Log(float64(counts[b]) / float64(total))
		}
		out[i] /= float64(max(1, len(rec.Text)))
	}
	return out
}
