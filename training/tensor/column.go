package tensor

// Column copies column j of B to dst, which has K elements: where B is the
// transpose of a weight, its row j. A decoder that keeps packed weights only
// reads the embedding of a token so.
func (p *Panels) Column(dst []float32, j int) {
	at := j/panelWidth*p.k*panelWidth + j%panelWidth
	for k := range dst[:p.k] {
		dst[k] = p.data[at+k*panelWidth]
	}
}
