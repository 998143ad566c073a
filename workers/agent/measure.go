package agent

import (
	"cmp"
	"context"
	"math"
	"slices"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tokenizer"
)

// scorer computes losses of texts by one model.
type scorer struct {
	// losses returns -ln p(target) of every position of sequences of time tokens.
	losses  func(ctx context.Context, inputs, targets []int32, time int) ([]float32, error)
	context int
	most    int // tokens of one call
	filled  int // how many of them may be there only to make pieces equally long
}

// newScorer computes by the builtin engine.
func newScorer(m *llama.Model, threads int) *scorer {
	e := llama.NewEvaluator(m, threads)
	return &scorer{func(_ context.Context, inputs, targets []int32, time int) ([]float32, error) {
		return e.NLL(inputs, targets, time)
	}, m.Config.Context, passTokens, passFilled}
}

// passTokens is how many tokens go through the model at once: every pass lays
// its weights out anew, which costs as much as some hundred tokens: passFilled
// are filled in before another pass is begun for shorter pieces.
const (
	passTokens = 4096
	passFilled = 256
)

// nlls returns the loss of each text in nats, each token predicted from those
// before it, the first from the end mark. A text longer than the context is
// cut into pieces of that length, each begun anew. Pieces go through the model
// together, the shorter ones filled up with what is not counted: no token sees
// a later one, so the sums are the same as one by one.
func (s *scorer) nlls(ctx context.Context, texts [][]byte) ([]float64, error) {
	sums := make([]float64, len(texts))
	var window []piece
	longest := 0
	for i, text := range texts {
		targets := tokenizer.Encode(string(text))
		inputs := append([]int32{tokenizer.EndOfText}, targets...)
		for at := 0; at < len(targets); at += s.context {
			n := min(s.context, len(targets)-at)
			if (len(window)+1)*max(longest, n) > max(s.most, windowTokens) {
				if err := s.score(ctx, window, sums); err != nil {
					return nil, err
				}
				window, longest = window[:0], 0
			}
			window = append(window, piece{text: i, inputs: inputs[at : at+n], targets: targets[at : at+n]})
			longest = max(longest, n)
		}
	}
	if err := s.score(ctx, window, sums); err != nil {
		return nil, err
	}
	for _, sum := range sums {
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return nil, refuse("the model's loss is not a number")
		}
	}
	return sums, nil
}

// piece is a part of a text that fits into the model's context.
type piece struct {
	text            int // whose sum it adds to
	inputs, targets []int32
	losses          []float32
}

// windowTokens is how much is gathered before pieces are put in order, which
// bounds the memory that they take.
const windowTokens = 32 * passTokens

// score adds the losses of pieces to the sums of their texts. Pieces of about
// one length go through the model together, so that little is filled up; the
// sums are taken in the order of the pieces, as if nobody had sorted them.
func (s *scorer) score(ctx context.Context, pieces []piece, sums []float64) error {
	order := make([]*piece, len(pieces))
	for i := range pieces {
		order[i] = &pieces[i]
	}
	slices.SortStableFunc(order, func(a, b *piece) int { return cmp.Compare(len(b.inputs), len(a.inputs)) })
	for len(order) > 0 {
		longest := len(order[0].inputs)
		n, filled := 1, 0
		for n < len(order) && (n+1)*longest <= s.most {
			if filled += longest - len(order[n].inputs); filled > s.filled {
				break
			}
			n++
		}
		if err := s.pass(ctx, order[:n]); err != nil {
			return err
		}
		order = order[n:]
	}
	for _, p := range pieces {
		for _, l := range p.losses {
			sums[p.text] += float64(l)
		}
	}
	return nil
}

// pass computes the losses of a batch of pieces, the longest first.
func (s *scorer) pass(ctx context.Context, batch []*piece) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	longest := len(batch[0].inputs)
	inputs, targets := make([]int32, 0, len(batch)*longest), make([]int32, 0, len(batch)*longest)
	for _, p := range batch {
		inputs, targets = append(inputs, p.inputs...), append(targets, p.targets...)
		for range longest - len(p.inputs) {
			inputs, targets = append(inputs, tokenizer.EndOfText), append(targets, llama.Ignore)
		}
	}
	losses, err := s.losses(ctx, inputs, targets, longest)
	if err != nil {
		return err
	}
	for i, p := range batch {
		p.losses = slices.Clone(losses[i*longest : i*longest+len(p.inputs)])
	}
	return nil
}

func (s *scorer) perToken(ctx context.Context, records []localdata.Record) ([]float64, error) {
	texts := make([][]byte, len(records))
	for i, rec := range records {
		texts[i] = []byte(rec.Text)
	}
	out, err := s.nlls(ctx, texts)
	for i := range out {
		out[i] /= float64(max(1, records[i].Tokens))
	}
	return out, err
}

// evaluate measures the base on the records that are never trained on. Only
// sums leave, over at least protocol.MinRecords records. Each record counts
// once, by its mean loss per token in nats.
func (r *runner) evaluate(ctx context.Context, a protocol.Assignment) (protocol.Report, error) {
	records := r.text.Of(localdata.Validate)
	if len(records) < protocol.MinRecords {
		return protocol.Report{}, refuse("this node has %d validation records; sums over fewer than %d would tell too much of each", len(records), protocol.MinRecords)
	}
	tokens := 0
	for _, rec := range records {
		tokens += rec.Tokens
	}
	// A round's base was the result of the round before, and the campaign's
	// base is asked about in every round: the same weights on the same text.
	of := measured{a.Base, textsOf(records)}
	if report, ok := r.before[of]; ok {
		report.Manifest = r.text.summary.Root
		r.say("loss %.4f nats per token over %d records, as measured before", report.Loss.Sum/float64(len(records)), len(records))
		return report, nil
	}
	m, err := r.model(ctx, a)
	if err != nil {
		return protocol.Report{}, err
	}
	s, err := r.measurer(ctx, m.Model, tokens)
	if err != nil {
		return protocol.Report{}, err
	}
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
	if r.before == nil || len(r.before) == mostMeasured {
		r.before = map[measured]protocol.Report{}
	}
	r.before[of] = report
	return report, nil
}

// measured names what was measured: weights, and the texts they were measured
// on. The manifest changes with the first round that trains on other records.
type measured struct{ base, texts training.Digest }

// textsOf is a digest of the texts of records, in their order.
func textsOf(records []localdata.Record) training.Digest {
	ids := make([]byte, 0, len(records)*len(training.Digest{}))
	for _, rec := range records {
		ids = append(ids, rec.ID[:]...)
	}
	return training.DigestOf(ids)
}

// mostMeasured bounds what a node remembers of its measurements.
const mostMeasured = 16

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
