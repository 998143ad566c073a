package llama

import (
	"math"
	"strings"
)

// initStd is the standard deviation of fresh weights, as in GPT-2 and in
// Hugging Face's LlamaConfig.
const initStd = 0.02

// Init returns a fresh model: gains 1, all other weights normal with standard
// deviation 0.02, in the order of Params; what is added to the residual stream
// (o_proj, down_proj) is divided by √(2·layers) so that its variance does not
// grow with depth (Radford et al. 2019, section 2.3). The seed decides every bit.
func Init(c Config, seed uint64) (*Model, error) {
	m, err := New(c)
	if err != nil {
		return nil, err
	}
	src := source(seed)
	at := 0
	for _, s := range m.Params.Specs() {
		std := initStd
		if strings.HasSuffix(s.Name, "o_proj.weight") || strings.HasSuffix(s.Name, "down_proj.weight") {
			std = initStd / math.Sqrt(float64(2*c.Layers))
		}
		for range s.Len() {
			if len(s.Shape) == 1 {
				m.Params.Data[at] = 1
			} else {
				m.Params.Data[at] = float32(std * src.normal())
			}
			at++
		}
	}
	return m, nil
}
