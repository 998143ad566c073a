package llama

import "codeberg.org/althing/althing/training/tensor"

// Evaluator computes forward only, with the same bits as a Trainer's forward
// pass and a fraction of its memory. It belongs to one goroutine.
type Evaluator struct{ pass }

// NewEvaluator returns an evaluator of m.
func NewEvaluator(m *Model, threads int) *Evaluator { return &Evaluator{newPass(m, threads, false)} }

// Logits returns the logits (N × V) of whole sequences of time tokens, to be
// read until the next call.
func (e *Evaluator) Logits(tokens []int32, time int) (tensor.Matrix, error) {
	if err := e.check(tokens, time); err != nil {
		return tensor.Matrix{}, err
	}
	e.resize(len(tokens), time)
	e.forward(tokens)
	return e.logits, nil
}

// NLL returns -ln p(target) of every position in nats, 0 where the target is
// Ignore, to be read until the next call.
func (e *Evaluator) NLL(tokens, targets []int32, time int) ([]float32, error) {
	if _, err := checkTargets(targets, len(tokens), e.model.Config.Vocab); err != nil {
		return nil, err
	}
	logits, err := e.Logits(tokens, time)
	if err != nil {
		return nil, err
	}
	crossEntropy(e.team, logits, targets, e.nll, 0)
	return e.nll, nil
}

// Loss returns the mean of NLL over the targets that are not Ignore, in nats
// per token, and their number.
func (e *Evaluator) Loss(tokens, targets []int32, time int) (loss float64, count int, err error) {
	nll, err := e.NLL(tokens, targets, time)
	if err != nil {
		return 0, 0, err
	}
	if count, err = checkTargets(targets, len(tokens), e.model.Config.Vocab); err != nil {
		return 0, 0, err
	}
	return mean(nll, count), count, nil
}
