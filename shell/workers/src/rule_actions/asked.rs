//! What a rule's functions were answered over one message: the same each time they ask while it is worked on.
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;

use sekisho_rules::{Answer, Known, Question};

use crate::gateway::Gateway;

/// It. Few: what one evaluation may ask is bounded.
#[derive(Default)]
pub(crate) struct Memo {
    answers: RefCell<HashMap<Question, Answer>>,
    asked: Cell<usize>,
}

/// Who answers by it, and by what the server knows.
pub(crate) struct Asked<'a> {
    pub gateway: &'a Gateway,
    pub memo: &'a Memo,
}

impl Memo {
    /// Somebody was asked, and has answered.
    pub(crate) fn answered(&self, question: Question, answer: Answer) {
        self.asked.set(self.asked.get() + 1);
        self.answers.borrow_mut().insert(question, answer);
    }

    /// How often others were asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.get()
    }
}

impl Known for Asked<'_> {
    fn answer(&self, question: &Question) -> Answer {
        if let Some(known) = self.memo.answers.borrow().get(question) {
            return known.clone();
        }
        let answer = self.gateway.answer(question);
        if answer != Answer::NotYet {
            self.memo.answers.borrow_mut().insert(question.clone(), answer.clone());
        }
        answer
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}
