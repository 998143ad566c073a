package llama

import (
	"strings"
	"testing"
)

func TestConfigJSON(t *testing.T) {
	data, err := MarshalConfig(tiny(false))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseConfig(data); err != nil || got != tiny(false) {
		t.Errorf("ParseConfig(MarshalConfig) = %+v, %v, want %+v", got, err, tiny(false))
	}
	for _, tt := range []struct{ old, new string }{
		{`"llama"`, `"mamba"`}, {`"silu"`, `"gelu"`}, {`"attention_bias": false`, `"attention_bias": true`},
		{`"rope_scaling": null`, `"rope_scaling": {"factor": 8}`}, {`"head_dim": 2`, `"head_dim": 4`},
		{`"vocab_size": 11`, `"vocab_size": 0`}, {`{`, `[`},
	} {
		changed := strings.Replace(string(data), tt.old, tt.new, 1)
		if changed == string(data) {
			t.Fatalf("config.json has no %s:\n%s", tt.old, data)
		}
		if c, err := ParseConfig([]byte(changed)); err == nil {
			t.Errorf("with %s ParseConfig = %+v, want an error", tt.new, c)
		}
	}
	for _, tt := range []struct {
		text string
		want Config
	}{
		{`{"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":4,"max_position_embeddings":5,"vocab_size":6}`,
			Config{Hidden: 8, Layers: 1, Heads: 2, KVHeads: 2, Intermediate: 4, Context: 5, Vocab: 6, NormEps: 1e-6, RopeTheta: 10_000}},
		{`{"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":4,"max_position_embeddings":5,"vocab_size":6,"rope_parameters":{"rope_theta":500000.0,"rope_type":"default"},"dtype":"bfloat16","eos_token_id":[1,2],"tie_word_embeddings":true}`,
			Config{Hidden: 8, Layers: 1, Heads: 2, KVHeads: 2, Intermediate: 4, Context: 5, Vocab: 6, NormEps: 1e-6, RopeTheta: 500_000, Tied: true}},
		{`{"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":4,"max_position_embeddings":5,"vocab_size":6,"rope_parameters":{"rope_theta":500000.0,"rope_type":"llama3"}}`, Config{}},
		{`{"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":4,"max_position_embeddings":5,"vocab_size":6,"rope_theta":0}`, Config{}},
	} {
		if got, err := ParseConfig([]byte(tt.text)); got != tt.want || (err == nil) != (tt.want != Config{}) {
			t.Errorf("ParseConfig(%s) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
	if _, err := MarshalConfig(Config{}); err == nil {
		t.Error("MarshalConfig wrote a shape of zeros")
	}
}
