package workers

import (
	"fmt"

	"codeberg.org/althing/althing/training/protocol"
)

// serve moves the weights by the combined change as the server's rule says,
// and saves what the rule keeps.
func (c *combiner) serve(weights []float32) error {
	if err := c.load(); err != nil {
		return err
	}
	s := c.in.Recipe.Server
	switch s.Rule {
	case "", protocol.FedNova, protocol.Scaffold:
		rate := float32(protocol.Number(s.Rate, 1))
		for i, d := range c.change {
			weights[i] += float32(rate * d)
		}
		if s.Rule == protocol.Scaffold {
			control := c.keep("control", 0)
			for i, d := range c.control {
				control[i] += d
			}
		}
	default:
		return fmt.Errorf("the server rule %q is not known", s.Rule)
	}
	if !c.in.Recipe.ServerState() {
		return nil
	}
	return c.save()
}
