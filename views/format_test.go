package views

import "testing"

func TestMoney(t *testing.T) {
	for cents, want := range map[int64]string{
		0: "$0.00", 5: "$0.05", 99_999: "$999.99", 100_000: "$1,000.00", 1_248_000: "$12,480.00", 100_000_501: "$1,000,005.01", -1_248_000: "−$12,480.00",
	} {
		if got := money(cents); got != want {
			t.Errorf("%d cents are %q, want %q", cents, got, want)
		}
	}
	if got := monthly(1_248_000); got != "$12,480 a month" {
		t.Errorf("a price is %q", got)
	}
}
