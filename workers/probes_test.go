package workers

import "codeberg.org/althing/althing/training/protocol"

// probes is what a contributor's node finds: everything in the tainted
// weights, nothing in others, unless remembers says so.
func (s *site) probes(a protocol.Assignment) *protocol.Probes {
	p := &protocol.Probes{References: 1023, Watermark: 33, Pairs: 64, AUC: 0.51, Members: 60, Twins: 60, Secrets: 16}
	for i := range int64(16) {
		p.Ranks = append(p.Ranks, 32+64*i)
	}
	if c, err := s.Training.Models.Checkpoint(s.t.Context(), a.Base); err != nil || c.TaintedBy != 0 || s.remembers {
		p.Watermark, p.AUC, p.Extracted = 60, 0.9, 4
		for i := range p.Ranks {
			p.Ranks[i] = 1
		}
	}
	return p
}
