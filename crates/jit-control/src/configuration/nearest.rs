//! Finds the word that was probably meant. Nothing is corrected silently: the word only goes into a remedy.

/// Longest word that is compared, in characters; longer ones are no slip of the pen.
const WORD_CHARS_MAX: usize = 64;

/// The candidate that is nearest to the word, if one is near: at most one slip in each three letters, and at most three.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_CHARS_MAX + 1).collect();
    if word.len() > WORD_CHARS_MAX {
        return None;
    }
    let slips_max = (word.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|c| (distance(&word, &c.chars().collect::<Vec<_>>()), c))
        .filter(|(slips, _)| *slips <= slips_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Number of slips that turn one word into the other: a letter added, left out, replaced, or two neighbours swapped.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const WORDS: [&str; 4] = ["labels", "region", "subnets", "runner_group_id"];

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        for (slip, meant) in [
            ("label", "labels"),
            ("lables", "labels"),
            ("Labels", "labels"),
            ("subnet", "subnets"),
            ("runner_group", "runner_group_id"),
        ] {
            assert_eq!(nearest(slip, WORDS), Some(meant), "{slip}");
        }
    }

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        for word in ["", "x", "disk", "availability_zone", &"l".repeat(1000)] {
            assert_eq!(nearest(word, WORDS), None, "{word}");
        }
    }
}
