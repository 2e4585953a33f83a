"""Function words and letters that tell languages in Latin script apart.

In: nothing.  Out: `WORDS` (language -> words separated by blanks) and `LETTERS` (letter ->
languages).  Articles, pronouns, prepositions, conjunctions and auxiliary verbs, lower case, chosen
by hand from the grammars; a word that several languages share counts for each in part.  More
languages than langdetect is asked for, so that Danish is not called Swedish for want of a choice.
"""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, str]] = {
    "en": "the of and to in is that was for it with as his on be at by had this not are but from or"
    " have an they which you were her she their been has when who will more if no out so what its"
    " about into than them can only other would could should these those said says after before he"
    " we i my your our us him how where why over under against between during through because while"
    " until up off down all some any most new there here now just do does did don't isn't it's"
    " being also amid may might must a"
    # what short headlines have instead of function words
    " korea north south missile fires talks plan deal war ship navy army submarine nuclear police"
    " court news top stories story read more related share updated photo breaking live week today"
    " says warns leaves leader defense defence trade killed wins backs eyes vows urges sees ends"
    " yard launch delayed high low house white state york",
    "fr": "le la les de des du un une et est dans que qui pour pas sur au aux avec ce cette ces il"
    " elle ils elles nous vous je sont par plus mais ou où son sa ses leur leurs en ne se été était"
    " ont avait être fait comme aussi après selon entre sans sous à contre depuis dont"
    " deux tout tous très",
    "de": "der die das und ist nicht ein eine einer eines einem einen zu mit den dem des von auf"
    " für im in es sich auch als an werden wird wurde wurden aus er sie wir ich hat haben sind war"
    " nach bei um am über vor zum zur durch oder aber noch nur wie mehr gegen unter kein keine wenn"
    " dass so man sein seine seiner ihre ihrer ihr diese dieser soll will kann",
    "es": "el la los las de del un una y es en que por para con no se su sus al lo como más pero"
    " fue son ha han este esta estos estas entre cuando muy sin sobre también hasta desde donde"
    " quien todo todos nos ya o porque ser está están había era según tras contra dos le les a"
    " durante qué cómo",
    "pt": "o a os as de do da dos das um uma e é em no na nos nas que por para com não se seu sua"
    " seus suas ao aos à às como mais mas foi são ser está este esta entre quando muito sem sobre"
    " também até desde onde quem todo todos já ou porque havia era segundo após contra dois ele"
    " ela ela eles pelo pela pelos pelas num numa você isso",
    "it": "il lo la i gli le di del dello della dei degli delle un uno una e è in che per con non"
    " si su al allo alla ai agli alle come più ma sono ha hanno questo questa questi tra fra quando"
    " molto senza anche fino da dal dalla dai dalle dove chi tutto tutti già o perché essere era"
    " stato stata secondo dopo contro due nel nella nei nelle sul sulla ci gli suo sua",
    "nl": "de het een en van is dat in te op voor met niet zijn aan er om ook als maar door over"
    " bij uit naar dan nog wel of werd wordt worden heeft hebben had was waren deze dit die hij zij"
    " ze we wij ik je u hun haar geen meer tot tegen onder na tussen zou kan kunnen moet al"
    " volgens",
    "pl": "i w na z do się nie to że jest o jak po co ale przez od za dla są być był była było tym"
    " tego ten ta te jego jej ich oraz lub czy przed nad pod ze został została już tylko jako może"
    " który która które których gdy roku także ma a",
    "tr": "ve bir bu da de için ile olarak olan daha çok en gibi ise ama ancak kadar sonra göre"
    " değil var yok her o ne mi mı mu mü oldu olduğu olduğunu dedi edildi etti yeni tarafından"
    " üzerinde önce iki şu biz siz onun",
    "id": "yang dan di ini itu dengan untuk dari pada dalam tidak akan juga adalah ke oleh sebagai"
    " telah karena ada bisa atau kami mereka dia saya kata lebih sudah saat serta tersebut bahwa"
    " para kepada antara hingga namun menjadi masih secara tahun belum",
    "vi": "và của là có cho không được trong một các những với người này đã để khi từ về ở tại"
    " trên đến sẽ cũng như vào nhiều năm",
    "sv": "och att det i en som på är av för med den till inte om ett han hon de har var från men"
    " vi sig eller så kan ska efter också där hade blev mot vid under nu när över än deras denna"
    " detta skulle utan mycket enligt",
    "da": "og at det i en som på er af for med den til ikke om et han hun de har var fra men vi sig"
    " eller så kan skal efter også der havde blev mod ved under nu når over end deres denne dette"
    " skulle uden meget ifølge jeg hvad",
    "no": "og at det i en som på er av for med den til ikke om et han hun de har var fra men vi seg"
    " eller så kan skal etter også der hadde ble mot ved under nå når over enn deres denne dette"
    " skulle uten mye ifølge jeg hva",
    "fi": "ja on ei että se oli hän mutta myös kun niin ovat mukaan joka jotka sekä tai kuin ole"
    " olisi vain jo nyt sen siitä tämä nämä vuoden jos vielä olla ollut",
    "cs": "a v na se je že z do s o to pro by po jsou ale i ve k za od který která které jako jeho"
    " jejich byl byla bylo není už podle však až mezi při před také tak",
    "ro": "și în de la cu pe a fi nu o un să ce care din pentru este au mai fost sunt prin dar sau"
    " după până între al ale lui ei lor aceasta acest această că se",
    "hu": "a az és hogy nem is egy ez volt de meg már csak mint vagy még el azt ha van lesz után"
    " szerint amely amelyek ki be fel között minden nagyon pedig",
    "ms": "yang dan di ini itu dengan untuk dari pada dalam tidak akan juga adalah ke oleh sebagai"
    " telah kerana ada boleh atau beliau kami mereka berkata lebih sudah ketika serta tersebut"
    " bahawa kepada antara hingga menjadi masih",
    "tl": "ang ng sa mga na at ay si ni kay para ito siya niya hindi ako ikaw kung dahil may ang"
    " nang isang din rin pa lang namin nila",
    "ca": "el la els les de del un una i és en que per amb no es seu seva al com més però va són ha"
    " han aquest aquesta entre quan molt sense sobre també fins des on qui tot ja o perquè ser",
}

LETTERS: Final[dict[str, tuple[str, ...]]] = {
    "ß": ("de",),
    "ä": ("de", "sv", "fi"),
    "ö": ("de", "sv", "fi", "tr", "hu"),
    "ü": ("de", "tr", "hu"),
    "ñ": ("es",),
    "¿": ("es",),
    "¡": ("es",),
    "ã": ("pt",),
    "õ": ("pt",),
    "ç": ("fr", "pt", "tr", "ca"),
    "œ": ("fr",),
    "è": ("fr", "it", "ca"),
    "ê": ("fr", "pt"),
    "ò": ("it", "ca"),
    "ù": ("it", "fr"),
    "ł": ("pl",),
    "ż": ("pl",),
    "ś": ("pl",),
    "ę": ("pl",),
    "ą": ("pl",),
    "ğ": ("tr",),
    "ş": ("tr",),
    "ı": ("tr",),
    "å": ("sv", "da", "no"),
    "ø": ("da", "no"),
    "æ": ("da", "no"),
    "ř": ("cs",),
    "ě": ("cs",),
    "ů": ("cs",),
    "ő": ("hu",),
    "ű": ("hu",),
    "ț": ("ro",),
    "ș": ("ro",),
    "ă": ("ro",),
}
