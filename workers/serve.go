package workers

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/serveropt"
)

// serve moves the weights by the combined change as the server's rule says,
// and saves what the rule keeps.
func (c *combiner) serve(ctx context.Context, weights []float32) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	s := c.in.Recipe.Server
	rule := s.Rule
	switch rule {
	case "", protocol.FedNova, protocol.Scaffold: // what is theirs has happened: they step as FedAvg does
		rule = serveropt.FedAvg
	}
	usual := serveropt.Defaults(rule)
	optimizer, err := serveropt.New(rule, len(weights), serveropt.Settings{
		Rate: protocol.Number(s.Rate, usual.Rate), Momentum: protocol.Number(s.Momentum, usual.Momentum),
		Beta1: protocol.Number(s.Momentum, usual.Beta1), Beta2: protocol.Number(s.Beta2, usual.Beta2), Tau: protocol.Number(s.Tau, usual.Tau),
	})
	if err != nil {
		return err
	}
	vectors := optimizer.State()
	first := false
	for i, v := range vectors {
		if kept, ok := c.state[v.Name]; ok {
			vectors[i].Values = kept
		} else {
			first = true
		}
	}
	if !first {
		if err := optimizer.Restore(vectors); err != nil {
			return err
		}
	}
	if err := optimizer.Step(weights, c.change); err != nil {
		return err
	}
	for _, v := range optimizer.State() {
		c.state[v.Name] = v.Values
	}
	if !c.in.Recipe.ServerState() {
		return nil
	}
	return c.save()
}

// normalised are the steps ‖a‖₁ that an update counts for in FedNova. The
// moments of AdamW begin anew in every round, so that a step counts 1; of SGD
// with FedProx earlier steps fade.
func (c *combiner) normalised(u rounds.Update) (float64, error) {
	r := c.in.Recipe
	steps := int(u.Steps)
	if steps == 0 {
		steps = r.Steps
	}
	if r.Optimizer == "sgd" && r.Local.Objective == protocol.FedProx {
		return serveropt.NormProx(steps, protocol.Number(r.LearnRate, 0), protocol.Number(r.Local.Mu, 0))
	}
	return serveropt.NormSGD(steps)
}

// scaffold moves SCAFFOLD's control variate by what the nodes report.
func (c *combiner) scaffold(ctx context.Context, sum *serveropt.Control) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	before := c.state["control"]
	if before == nil {
		before = make([]float32, c.mean.elements)
	}
	if err := sum.Into(before, before); err != nil {
		return fmt.Errorf("scaffold: %w", err)
	}
	c.state["control"] = before
	return nil
}
