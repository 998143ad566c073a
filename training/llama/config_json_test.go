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
	if _, err := MarshalConfig(Config{}); err == nil {
		t.Error("MarshalConfig wrote a shape of zeros")
	}
}
