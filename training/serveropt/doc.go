// Package serveropt is what a server does with the mean update of a round
// before it becomes the next checkpoint. d is the mean update, x the weights:
//
//	fedavg      x ← x + η·d                              McMahan et al. 2017; η = 1
//	fedavgm     v ← βv + d;  x ← x + η·v                 Hsu, Qi, Brown 2019; β = 0.9
//	fedadagrad  v ← v + d²                               Reddi et al. 2021, Algorithm 2
//	fedyogi     v ← v − (1−β₂)·d²·sign(v − d²)           the same
//	fedadam     v ← β₂v + (1−β₂)·d²                      the same
//	            all three: m ← β₁m + (1−β₁)·d;  x ← x + η·m/(√v + τ)
//	diloco      v ← μv + d;  x ← x + η·(d + μv)          Douillard et al. 2023; η = 0.7, μ = 0.9
//
// d points where the nodes went, so it is added: it is the opposite of the
// "pseudo-gradient" x − y of some papers. DiLoCo's outer step is Nesterov's in
// the form of Sutskever et al. 2013 and PyTorch, not heavy ball (fedavgm).
// The adaptive three have no correction of the bias of young moments, and v
// begins at τ², both as in the paper.
//
// Nova replaces the mean where nodes take different numbers of steps, and
// Control keeps the server's variate of SCAFFOLD.
//
// # Arithmetic
//
// Parameters do not meet, so threads change no bit. Each formula is evaluated
// in binary64 from left to right as written, every product rounded by itself;
// m and v are rounded to binary32 once and x is then computed from the rounded
// values and rounded once. So the state of a server is vectors of binary32,
// kept as an artefact beside the checkpoint, and a replay from both is exact.
package serveropt
