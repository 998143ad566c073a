package protocol

import (
	"strings"
	"testing"
)

func TestParseAudit(t *testing.T) {
	t.Parallel()
	key := "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	good := `{"campaign":1,"member":2,"recipient":"` + key + `"}`
	if a, err := ParseAudit([]byte(good)); err != nil || a.Campaign != 1 || a.Member != 2 || a.Recipient != key {
		t.Errorf("ParseAudit(%s) = %+v, %v", good, a, err)
	}
	for text, want := range map[string]string{
		`{"campaign":1,"round":1,"member":2,"recipient":"` + key + `"}`: "one of the two",
		`{"member":2,"recipient":"` + key + `"}`:                        "one of the two",
		`{"round":-1,"member":2,"recipient":"` + key + `"}`:             "one of the two",
		`{"round":1,"recipient":"` + key + `"}`:                         "number of the auditor",
		`{"round":1,"member":2,"recipient":"age1x"}`:                    "public key",
		`{"round":1,"member":2,"recipient":"AGE-SECRET-KEY-1"}`:         "public key",
		`{"round":1,"member":2,"recipient":"` + key + `","more":1}`:     "unknown field",
	} {
		if _, err := ParseAudit([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAudit(%s): %v, want “%s”", text, err, want)
		}
	}
}
