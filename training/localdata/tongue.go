package localdata

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tongue names the human language of a text by its ISO 639-1 code, or "" where
// it cannot tell. It is for counting, not for decisions.
//
// A script that one language writes decides by itself. For the others it counts
// function words, which make up between a quarter and half of running prose and
// differ between neighbours (Ingle 1976; Grefenstette 1995 compares the method
// with trigrams: equal from about twenty words on). The language with the most
// hits wins if it has at least five, a tenth of all words, and a fifth more than
// the next one. Only the first 4,000 words are read.
func Tongue(text string) string {
	const most = 4000
	scripts := map[string]int{}
	hits, different, seen := map[string]int{}, map[string]int{}, map[string]bool{}
	words, letters := 0, 0
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsMark(c) && c != '\'' && c != '’' }) {
		if words++; words > most {
			break
		}
		for _, c := range word {
			letters++
			if s := script(c); s != "" {
				scripts[s]++
			}
		}
		if word = strings.ToLower(word); utf8.RuneCountInString(word) == 1 {
			continue
		}
		for _, l := range functionWords[word] {
			hits[l]++
			if !seen[l+" "+word] {
				seen[l+" "+word] = true
				different[l]++
			}
		}
	}
	if l := byScript(scripts, letters); l != "" {
		return l
	}
	best, second := "", 0
	for _, l := range tongues {
		switch n := hits[l.code]; {
		case best == "" || n > hits[best]:
			if best != "" {
				second = max(second, hits[best])
			}
			best = l.code
		default:
			second = max(second, n)
		}
	}
	if n := hits[best]; n >= 5 && different[best] >= 4 && 10*n >= min(words, most) && 5*n >= 6*second {
		return best
	}
	return ""
}

// script names the scripts that decide; Cyrillic and Latin do not.
func script(c rune) string {
	switch {
	case c < 0x370:
		return ""
	case unicode.Is(unicode.Greek, c):
		return "el"
	case unicode.Is(unicode.Hebrew, c):
		return "he"
	case strings.ContainsRune("پچژگ", c):
		return "fa"
	case unicode.Is(unicode.Arabic, c):
		return "ar"
	case unicode.Is(unicode.Devanagari, c):
		return "hi"
	case unicode.Is(unicode.Bengali, c):
		return "bn"
	case unicode.Is(unicode.Tamil, c):
		return "ta"
	case unicode.Is(unicode.Thai, c):
		return "th"
	case unicode.Is(unicode.Georgian, c):
		return "ka"
	case unicode.Is(unicode.Armenian, c):
		return "hy"
	case unicode.Is(unicode.Hangul, c):
		return "ko"
	case unicode.In(c, unicode.Hiragana, unicode.Katakana):
		return "ja"
	case unicode.Is(unicode.Han, c):
		return "zh"
	case strings.ContainsRune("іїєґІЇЄҐ", c):
		return "uk"
	case unicode.Is(unicode.Cyrillic, c):
		return "ru"
	}
	return ""
}

// byScript decides where half of the letters are of one script. Japanese mixes
// Han with its own, Persian Arabic with four letters, Ukrainian Cyrillic with
// four: a twentieth of these is enough. Other languages in Cyrillic count as
// Russian.
func byScript(n map[string]int, letters int) string {
	const fewest = 20
	for _, mixed := range [][2]string{{"zh", "ja"}, {"ar", "fa"}, {"ru", "uk"}} {
		if wide, own := mixed[0], mixed[1]; n[own] > 0 && 20*n[own] >= n[own]+n[wide] {
			n[own], n[wide] = n[own]+n[wide], 0
		} else {
			n[wide], n[own] = n[own]+n[wide], 0
		}
	}
	for l, count := range n {
		if count >= fewest && 2*count > letters {
			return l
		}
	}
	return ""
}

// tongues are the languages in Latin script that are told by function words,
// with words that are frequent in one and rare in its neighbours.
var tongues = []struct{ code, words string }{
	{"en", "the of and to in that is was for it with as his on be at by had not are but from or have an they which you were their would there been has will"},
	{"de", "der die und das ist nicht ein eine zu den von mit dem des auf für im sich auch als es an werden aus er hat dass sie nach wird bei einer um"},
	{"fr", "le la les et des du une est que qui dans en pour pas sur au par ce il plus ne se sont avec cette mais nous vous ont aux leur été"},
	{"es", "el la los las de que y en un una por con no para es se lo al del como más pero su sus este ya entre cuando muy sin sobre también"},
	{"pt", "o os as de que e do da em um uma para com não por mais dos das se na no ao são foi ele mas como também pelo pela isso"},
	{"it", "il lo gli le di che e un una per non con è sono del della dei nel alla si anche come più ma da questo ha dal nella essere"},
	{"nl", "de het een en van is dat niet op te zijn met voor in die aan er ook als maar om hij door bij naar uit zij worden heeft wordt"},
	{"da", "og i jeg det at en den til er som på de med han af for ikke der var mig sig men et har om vi efter også skulle eller blev"},
	{"no", "og i jeg det at en den til er som på de med han av for ikke der var meg seg men et har om vi etter også skulle eller ble fra"},
	{"sv", "och i att det som en på är av för med den till inte om ett han men var jag de från så har vi sig också eller när efter kan"},
	{"is", "og að í á er það sem við um ekki en með til var hann fyrir þá eru ég frá af hún þetta þess verið hafa eða því sér þeir"},
	{"fi", "ja on ei se että hän oli ovat kun niin mutta joka myös kuin sen mitä tai jos ole hänen minä nyt sitä ollut vain kaikki"},
	{"pl", "i w nie na się z do że to jest jak po co ale tak za od jego przez dla jej tylko był może być oraz przy które"},
	{"cs", "a v se na je že s z do to si o ve jako za ale jeho jsem by pro byl podle které však jsou také nebo až být"},
	{"hu", "a az és hogy nem is egy ez meg de volt csak van már ha mint még el azt vagy én mert ő minden kell lehet ezt"},
	{"tr", "ve bir bu da de için ile çok ne o gibi daha olan olarak ama en kadar var sonra değil mi her ki ya diye"},
	{"ro", "și în de la a nu o că cu pe este un din să mai se care fi au pentru sunt lui prin fost când dar sau"},
	{"eu", "eta da ez bat zen ere du dira izan baina egin dute zuen hau egiten beste den baino behar nola hori gero"},
	{"ca", "el la els les de i que en un una per amb no és es del al com més però seva aquest són va dels també seu"},
}

// functionWords is tongues the other way round.
var functionWords = func() map[string][]string {
	m := map[string][]string{}
	for _, l := range tongues {
		for word := range strings.FieldsSeq(l.words) {
			m[word] = append(m[word], l.code)
		}
	}
	return m
}()
